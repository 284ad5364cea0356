package requestlog_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/requestlog"
)

func Example() {
	dir, err := os.MkdirTemp("", "requests")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	log, err := requestlog.Open(dir,
		requestlog.WithService("gateway", "1.4.2"),
		requestlog.WithRequestHeaders("X-Request-Id"),
		requestlog.WithDeniedParams("iban"),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := trace.Handler(http.NotFoundHandler(), trace.WithObserver(log.Observe))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/pay?iban=DE02", nil))

	if err := log.Close(context.Background()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(log.Stats().Written, "document on disk")
	// Output: 1 document on disk
}
