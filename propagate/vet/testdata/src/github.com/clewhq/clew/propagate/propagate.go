// Package propagate has the signatures of the real one.
package propagate

import "context"

type Item[T any] struct{ V T }

func Bind(f func()) func()                            { return f }
func Background(f func())                             { f() }
func Detach(ctx context.Context) context.Context      { return ctx }
func Go(ctx context.Context, f func(context.Context)) { go f(ctx) }
func Send[T any](ch chan<- Item[T], v T)              { ch <- Item[T]{v} }
