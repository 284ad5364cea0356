package ship

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(victimVar); url != "" {
		victim(url)
		return
	}
	goleak.VerifyTestMain(m)
}
