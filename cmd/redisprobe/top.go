package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/clewhq/clew/ebpfprobe"
	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/internal/cli"
)

func topCommand(s cli.Streams, b backend) *cobra.Command {
	c := &cobra.Command{
		Use:   "top",
		Short: "Watch servers live in the terminal",
		Long: `top shows, of one server at a time, a heat map of waiting over the last minutes,
who waits for whom, and the commands, the costliest first. Where standard output
is no terminal it prints a frame every interval instead.

Keys: q quit, space pause, tab next server, s sort by another column, a since the
start or of the last interval, w wait or service in the heat map.

With --from it plays a recording.`,
		Example: `  redisprobe top --port 6379
  redisprobe top --all --every 5s
  redisprobe top --from incident.rec --speed 10`,
		Args: cli.NoArgs,
	}
	t := targetFlags(c.Flags())
	v := &viewer{b: b}
	v.limit = cli.Duration(c.Flags(), "observe for this `time` (default: until q or SIGINT)")
	v.every = cli.Every(c.Flags(), 2*time.Second, "show anew every `time`")
	v.count = cli.Count(c.Flags(), "end after this `number` of intervals")
	c.Flags().StringVar(&v.from, "from", "", "play this recording `file`")
	c.Flags().Float64Var(&v.speed, "speed", 1, "play a recording so many `times` as fast as it was")
	c.RunE = func(c *cobra.Command, _ []string) error {
		var err error
		if v.cfg, err = t.config(); err != nil {
			return err
		}
		if !(v.speed > 0) {
			return cli.Usagef("--speed %v: want a number above 0", v.speed)
		}
		v.cfg.Log = cli.Logger(c)
		if out := int(os.Stdout.Fd()); term.IsTerminal(out) && term.IsTerminal(int(os.Stdin.Fd())) {
			return v.live(c.Context(), s)
		}
		return v.frames(c.Context(), s)
	}
	return c
}

// viewer is the top verb.
type viewer struct {
	b            backend
	cfg          ebpfprobe.Config
	limit, every *time.Duration
	count        *int
	from         string
	speed        float64
}

// errEnough ends an observation after --count intervals.
var errEnough = errors.New("enough intervals")

// feed calls each with one interval after another until they end, ctx is done or
// each fails.
type feed func(ctx context.Context, each func(*report.Report) error) error

// open opens what is to be viewed. The caller calls end when the feed has ended.
func (v *viewer) open(ctx context.Context, s cli.Streams) (_ feed, end func() error, err error) {
	if v.from != "" {
		return v.counted(v.play(s)), func() error { return nil }, nil
	}
	p, err := start(ctx, v.b, v.cfg, *v.limit)
	if err != nil {
		return nil, nil, err
	}
	return v.counted(func(ctx context.Context, each func(*report.Report) error) error {
		_, err := watch(ctx, p, *v.every, *v.limit, each)
		return err
	}), p.Close, nil
}

// counted ends a feed after --count intervals.
func (v *viewer) counted(f feed) feed {
	return func(ctx context.Context, each func(*report.Report) error) error {
		n := 0
		err := f(ctx, func(part *report.Report) error {
			if err := each(part); err != nil {
				return err
			}
			if n++; n == *v.count {
				return errEnough
			}
			return nil
		})
		if errors.Is(err, errEnough) {
			return nil
		}
		return err
	}
}

// play is the feed of a recording, its intervals as far apart as they were.
func (v *viewer) play(s cli.Streams) feed {
	return func(ctx context.Context, each func(*report.Report) error) error {
		p := playback{log: v.cfg.Log}
		return p.each(s, v.from, func(part *report.Report) error {
			timer := time.NewTimer(time.Duration(part.DurationSeconds / v.speed * float64(time.Second)))
			defer timer.Stop()
			select {
			case <-timer.C:
				return each(part)
			case <-ctx.Done():
				return errEnough
			}
		})
	}
}

// frames prints each interval, for a pipe or a log.
func (v *viewer) frames(ctx context.Context, s cli.Streams) error {
	f, end, err := v.open(ctx, s)
	if err != nil {
		return err
	}
	sc := newScreen()
	err = f(ctx, func(part *report.Report) error {
		sc.add(part)
		fmt.Fprintln(s.Out, joined(sc.lines(frameWidth, frameHeight))+"\n")
		return s.Out.Flush()
	})
	return errors.Join(err, end())
}

// The size of a frame that is not on a screen.
const (
	frameWidth  = 100
	frameHeight = 40
)

// live runs the screen in the terminal.
func (v *viewer) live(ctx context.Context, s cli.Streams) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var said said // whatever is logged meanwhile would tear the screen
	v.cfg.Log = slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelWarn}))
	f, end, err := v.open(ctx, s)
	if err != nil {
		return err
	}
	p := tea.NewProgram(&terminal{screen: newScreen()}, tea.WithContext(ctx), tea.WithoutSignalHandler())
	fed := make(chan error, 1)
	go func() {
		err := f(ctx, func(part *report.Report) error {
			p.Send(arrived{part})
			return nil
		})
		if err != nil || v.from == "" { // a recording stays on the screen at its end
			p.Quit()
		}
		fed <- err
	}()
	_, err = p.Run()
	cancel()
	err = errors.Join(<-fed, ignoreKilled(err), end())
	fmt.Fprint(s.Err, said.String())
	return err
}

// said keeps what is logged. It is safe for concurrent use.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// ignoreKilled forgives a terminal that was closed because ctx was done.
func ignoreKilled(err error) error {
	if errors.Is(err, tea.ErrProgramKilled) {
		return nil
	}
	return err
}

// arrived is the message that an interval is there.
type arrived struct{ part *report.Report }

// terminal is the screen as a terminal program.
type terminal struct {
	screen        *screen
	width, height int
}

func (t *terminal) Init() tea.Cmd { return nil }

func (t *terminal) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		t.width, t.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		if t.screen.key(msg.String()) {
			return t, tea.Quit
		}
	case arrived:
		t.screen.add(msg.part)
	}
	return t, nil
}

func (t *terminal) View() tea.View {
	lines := t.screen.lines(t.width, t.height)
	lines[0] = fmt.Sprintf("\x1b[7m%-*s\x1b[m", t.width, lines[0]) // reversed: no colour to be blind to
	view := tea.NewView(joined(lines))
	view.AltScreen = true
	view.WindowTitle = "redisprobe"
	return view
}
