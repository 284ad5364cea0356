package fakeslack

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
)

// Payload is a message as Slack is sent it.
type Payload struct {
	Channel  string  `json:"channel"`
	Text     string  `json:"text"`
	Blocks   []Block `json:"blocks"`
	ThreadTS string  `json:"thread_ts"`
	TS       string  `json:"ts"`
}

// Block is one block of Block Kit; those that nobody sends here are missing.
type Block struct {
	Type     string `json:"type"`
	Text     *Text  `json:"text"`
	Fields   []Text `json:"fields"`
	Elements []Text `json:"elements"`
}

// Text is a text object.
type Text struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// Slack's limits, in characters of UTF-16 as its documents count them. The sum is
// undocumented: messages were seen refused from 11,300 on.
const (
	maxBlocks  = 50
	maxSection = 3000
	maxHeader  = 150
	maxFields  = 10
	maxField   = 2000
	maxContext = 10
	maxSum     = 11_300
	maxText    = 40_000
)

func chars(s string) int { return len(utf16.Encode([]rune(s))) }

// Check says what Slack would refuse, in Slack's own word.
func (p Payload) Check() error {
	if p.Text == "" && len(p.Blocks) == 0 {
		return errors.New("no_text")
	}
	if chars(p.Text) > maxText {
		return errors.New("msg_too_long")
	}
	if len(p.Blocks) > maxBlocks {
		return fmt.Errorf("invalid_blocks: %d blocks", len(p.Blocks))
	}
	sum := 0
	for k, b := range p.Blocks {
		n, err := b.check()
		if err != nil {
			return fmt.Errorf("invalid_blocks: block %d, %s: %w", k, b.Type, err)
		}
		sum += n
	}
	if sum > maxSum {
		return fmt.Errorf("msg_blocks_too_long: %d characters", sum)
	}
	return nil
}

func (b *Block) check() (sum int, err error) {
	one := func(t *Text, limit int, kinds ...string) {
		switch {
		case t == nil || t.Text == "":
			err = errors.Join(err, errors.New("a text is empty"))
		case chars(t.Text) > limit:
			err = errors.Join(err, fmt.Errorf("a text of %d characters where %d are allowed", chars(t.Text), limit))
		case !strings.Contains(strings.Join(kinds, " "), t.Type):
			err = errors.Join(err, fmt.Errorf("a text of type %q", t.Type))
		default:
			sum += chars(t.Text)
		}
	}
	switch b.Type {
	case "header":
		one(b.Text, maxHeader, "plain_text")
	case "section":
		if b.Text != nil || len(b.Fields) == 0 {
			one(b.Text, maxSection, "mrkdwn", "plain_text")
		}
		if len(b.Fields) > maxFields {
			err = errors.Join(err, fmt.Errorf("%d fields", len(b.Fields)))
		}
		for k := range b.Fields {
			one(&b.Fields[k], maxField, "mrkdwn", "plain_text")
		}
	case "context":
		if n := len(b.Elements); n == 0 || n > maxContext {
			err = fmt.Errorf("%d elements", n)
		}
		for k := range b.Elements {
			one(&b.Elements[k], maxSection, "mrkdwn", "plain_text")
		}
	default:
		err = errors.New("no such type")
	}
	return sum, err
}
