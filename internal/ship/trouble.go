package ship

import (
	"fmt"
	"sync"

	"github.com/clewhq/clew/internal/essink"
)

// trouble tells of what goes wrong once, not at every try.
type trouble struct {
	report func(error)

	mu   sync.Mutex
	last string
}

func (t *trouble) note(err error) {
	said := ""
	if err != nil {
		said = err.Error()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if said == t.last {
		return
	}
	t.last = said
	if t.report != nil {
		t.report(err)
	}
}

// itemError is the reason why some documents of a request are sent again.
type itemError struct {
	answer essink.Error
	left   int
}

func (e *itemError) Error() string {
	return fmt.Sprintf("%d documents are not taken yet: %s", e.left, e.answer.Error())
}
