package source

import "time"

// fold is the one series that those without room are judged as.
type fold struct {
	series       Series
	mean         bool
	room, folded int // series that were given room, and that were not
	warned       bool
	at           time.Time
	given        bool // the reading of at
	sum          float64
	n            int
}

func (f *fold) what() string {
	if f.mean {
		return "by their mean"
	}
	return "by their sum"
}

// add takes a value of a folded series. All those within one step are one reading.
func (f *fold) add(s *Shaper, at time.Time, v float64) {
	at = at.Truncate(foldStep)
	switch {
	case at.Before(f.at) || at.Equal(f.at) && f.given:
		s.stats.Late++
		return
	case at.After(f.at):
		f.flush(s)
		f.at, f.given = at, false
	}
	f.sum += v
	f.n++
}

func (f *fold) flush(s *Shaper) {
	if f.n == 0 {
		return
	}
	v := f.sum
	if f.mean {
		v /= float64(f.n)
	}
	f.sum, f.n, f.given = 0, 0, true
	s.stats.Readings++
	s.emit(Reading{&f.series, f.at, v, nil})
}
