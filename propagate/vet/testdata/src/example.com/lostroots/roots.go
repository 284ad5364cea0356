// Package lostroots has functions that start over from context.Background, and
// some that do not.
package lostroots

import (
	"context"
	"database/sql"
)

func call(ctx context.Context) {}

type store struct{ db *sql.DB }

func direct() { call(context.Background()) } // want direct:`roots context.Background\(\)`
func above()  { direct() }

func (s *store) bare() error { // want bare:`roots Exec instead of ExecContext`
	_, err := s.db.Exec("select 1")
	return err
}

func given(ctx context.Context) { call(context.Background()) }
func New() *store               { call(context.Background()); return nil }
func (s *store) Close()         { call(context.Background()) }
func serve() {
	for {
		call(context.Background())
	}
}
