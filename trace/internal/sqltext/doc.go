// Package sqltext reads SQL as far as telemetry needs it: which operations a text does to which tables,
// and what of it is not data. It knows where words, literals and comments begin and end in the dialects
// of the databases that services use, not their grammars, and never fails: what it does not understand
// it leaves out.
package sqltext

// Dialect is what texts of different databases are read differently by.
type Dialect uint8

const (
	// Standard is SQL as in the standard, and as most databases read it.
	Standard Dialect = iota
	// PostgreSQL has dollar quotes, nested comments, and E'' strings with escapes.
	PostgreSQL
	// MySQL, and MariaDB, take a backslash as an escape, a double quote as a string's, and # as a comment.
	MySQL
	// Oracle has q'[]' strings.
	Oracle
	// SQLServer has identifiers in brackets.
	SQLServer
	// SQLite has them too, and backticks.
	SQLite
)
