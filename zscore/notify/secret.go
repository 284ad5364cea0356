package notify

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Secret says where a secret is, and never what it is. Exactly one of the two is
// set.
type Secret struct {
	File string // read anew each time, so that it can be changed under a running daemon
	Env  string // the name of an environment variable
}

// maxSecret bounds the file: it is a line, not a key ring.
const maxSecret = 16 << 10

// Read answers the secret without the blanks around it.
func (s Secret) Read() (string, error) {
	var value string
	switch {
	case s.File != "":
		b, err := os.ReadFile(s.File)
		if err != nil {
			return "", fmt.Errorf("read the secret: %w", err)
		}
		if len(b) > maxSecret {
			return "", fmt.Errorf("read the secret: %s has %d bytes: want a file that holds it and nothing else", s.File, len(b))
		}
		value = string(b)
	case s.Env != "":
		value = os.Getenv(s.Env)
	default:
		return "", errors.New("read the secret: neither a file nor a variable is named")
	}
	if value = strings.TrimSpace(value); value == "" {
		return "", fmt.Errorf("read the secret: %s is empty", s)
	}
	return value, nil
}

// String names the place, not the secret.
func (s Secret) String() string {
	if s.File != "" {
		return "file " + s.File
	}
	return "variable " + s.Env
}
