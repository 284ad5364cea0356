// Package errgroup has the signatures of the real one.
package errgroup

type Group struct{}

func (g *Group) Go(f func() error) { go f() }
