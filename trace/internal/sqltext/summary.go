package sqltext

import (
	"slices"
	"strings"
)

const (
	// maxRead bounds what of a text is read for its summary: a statement's tables are named early, and
	// what is long is a list of values.
	maxRead = 8 << 10
	// maxSummary is what the conventions ask for.
	maxSummary = 255
)

// Summary says what a text does.
type Summary struct {
	// Text is db.query.summary: the operations and what they are done to, in the order of the text, such
	// as "INSERT orders SELECT carts". It is empty if the text begins with nothing known.
	Text string
	// Operation is the first keyword, if the text is one statement.
	Operation string
}

// Summarize tells what the text does, by its first 8 KiB.
func Summarize(text string, d Dialect) Summary {
	whole := len(text) <= maxRead
	if !whole {
		text = text[:maxRead]
	}
	s := summarizer{lexer: lexer{rest: text, dialect: d}, single: whole}
	s.run()
	sum := Summary{Text: strings.ToValidUTF8(s.join(), "\uFFFD")}
	if s.single {
		sum.Operation = s.operation
	}
	return sum
}

// The words that a statement can begin with, and what follows them.
var (
	// queries may also begin in parentheses, or behind those of a WITH.
	queries = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE"}
	// definitions have the kind of an object and its name behind them.
	definitions = []string{"CREATE", "ALTER", "DROP", "TRUNCATE", "COMMENT", "REFRESH", "REINDEX"}
	calls       = []string{"CALL", "EXEC", "EXECUTE"}
	others      = []string{
		"ABORT", "ANALYZE", "ATTACH", "BEGIN", "CHECKPOINT", "CLOSE", "CLUSTER", "COMMIT", "COPY", "DEALLOCATE", "DECLARE",
		"DESCRIBE", "DETACH", "DISCARD", "DO", "END", "EXPLAIN", "FETCH", "FLUSH", "GRANT", "HANDLER", "KILL", "LISTEN",
		"LOAD", "LOCK", "MOVE", "NOTIFY", "OPTIMIZE", "PRAGMA", "PREPARE", "RELEASE", "RESET", "REVOKE", "ROLLBACK",
		"SAVEPOINT", "SET", "SHOW", "START", "TABLE", "UNLISTEN", "UNLOCK", "USE", "VACUUM", "VALUES", "WITH",
	}
	kinds = []string{
		"DATABASE", "DOMAIN", "EXTENSION", "FUNCTION", "INDEX", "MATERIALIZED", "PROCEDURE", "ROLE", "SCHEMA", "SEQUENCE",
		"TABLE", "TRIGGER", "TYPE", "USER", "VIEW",
	}
	// fillers stand between an operation and its target.
	fillers = []string{
		"ALL", "CONCURRENTLY", "DELAYED", "EXISTS", "FROM", "HIGH_PRIORITY", "IF", "IGNORE", "INTO", "LATERAL",
		"LOW_PRIORITY", "NOT", "ON", "ONLY", "OUTER", "OVERWRITE", "QUICK", "TABLE",
	}
)

func oneOf(t token, words []string) (string, bool) {
	if t.kind != word {
		return "", false
	}
	i := slices.IndexFunc(words, func(w string) bool { return strings.EqualFold(t.text, w) })
	if i < 0 {
		return "", false
	}
	return words[i], true
}

// summarizer reads a text once. It follows the parentheses, because FROM is said inside of function
// calls, too: only the first one of a query at its own depth names tables.
type summarizer struct {
	lexer
	single    bool // one statement, as far as read
	operation string
	parts     []string
	before    token
	levels    []level // by depth of parentheses
	ended     bool    // a semicolon has been
	started   bool    // the statement has
	with      bool    // it began with WITH, and its own query is still to come
}

// level is what is known within one pair of parentheses.
type level struct {
	query  bool // of a query that has not said FROM
	tables bool // in a list of tables
}

func (s *summarizer) here() *level { return &s.levels[len(s.levels)-1] }

func (s *summarizer) run() {
	s.levels = make([]level, 1, 8)
	for t := s.next(); t.kind != end; t = s.next() {
		if s.ended {
			s.single, s.ended = false, false
		}
		if s.started {
			s.read(t)
		} else if !s.begin(t) {
			return
		}
		s.before = t
	}
}

// begin reads the first token of a statement, and reports whether there is a reason to go on.
func (s *summarizer) begin(t token) bool {
	if t.text == "(" || t.text == ";" {
		return true
	}
	s.started, s.with, s.levels = true, false, append(s.levels[:0], level{})
	if op, ok := oneOf(t, queries); ok {
		s.operation = op
		s.query(op)
		return true
	}
	if op, ok := oneOf(t, definitions); ok {
		s.define(op)
		return true
	}
	if op, ok := oneOf(t, calls); ok {
		s.operate(op)
		s.target()
		return true
	}
	op, ok := oneOf(t, others)
	if !ok {
		s.single = false
		return false
	}
	if s.with = op == "WITH"; !s.with {
		s.operate(op)
	}
	return true
}

// operate notes what the statement does.
func (s *summarizer) operate(op string) {
	s.operation = op
	s.part(op)
}

// read reads a token behind the first one.
func (s *summarizer) read(t token) {
	switch {
	case t.text == "(":
		s.levels = append(s.levels, level{})
	case t.text == ")":
		s.levels = s.levels[:max(1, len(s.levels)-1)]
	case t.text == ";":
		s.started, s.ended = false, true
	case t.text == ",":
		if s.here().tables {
			s.target()
		}
	case t.is("FROM"):
		if s.here().query && !s.before.is("DISTINCT") {
			s.list()
		}
	case t.is("JOIN"), t.is("USING") && s.operation == "MERGE", t.is("STRAIGHT_JOIN"):
		s.target()
	case t.is("SELECT"):
		s.query("SELECT")
	case s.before.text == "(", s.with && s.before.text == ")":
		if op, ok := oneOf(t, queries); ok {
			s.query(op)
		}
	case t.is("WHERE"), t.is("SET"), t.is("ON"), t.is("GROUP"), t.is("ORDER"), t.is("LIMIT"), t.is("UNION"), t.is("VALUES"):
		s.here().tables = false
	}
}

// query begins an operation of queries at this depth.
func (s *summarizer) query(op string) {
	if s.with && len(s.levels) == 1 {
		s.with, s.operation = false, op
	}
	s.part(op)
	*s.here() = level{query: op == "SELECT"}
	switch op {
	case "SELECT":
	case "UPDATE":
		s.list()
		s.here().query = true // UPDATE a SET … FROM b
	default:
		s.target()
	}
}

// list begins a list of tables.
func (s *summarizer) list() {
	*s.here() = level{tables: true}
	s.target()
}

// define reads CREATE OR REPLACE UNLOGGED TABLE IF NOT EXISTS t.
func (s *summarizer) define(op string) {
	for range 8 {
		ahead := s.lexer
		t := ahead.next()
		if t.kind != word {
			break
		}
		if kind, ok := oneOf(t, kinds); ok {
			s.lexer = ahead
			op += " " + kind
			if kind != "MATERIALIZED" {
				break
			}
			continue
		}
		if op == "TRUNCATE" {
			break // its TABLE may be left out
		}
		s.lexer = ahead
	}
	s.operate(op)
	s.target()
}

// target reads the name of what an operation is done to, and notes it. What is no name is left to be read.
func (s *summarizer) target() {
	for {
		ahead := s.lexer
		t := ahead.next()
		if _, ok := oneOf(t, fillers); ok {
			s.lexer, s.before = ahead, t
			continue
		}
		if _, ok := oneOf(t, queries); ok || !t.names() {
			return
		}
		s.lexer, s.before = ahead, t
		s.part(t.text + s.qualified())
		return
	}
}

// qualified reads the rest of a name that is in parts, such as .schema.table.
func (s *summarizer) qualified() (rest string) {
	for range 3 {
		ahead := s.lexer
		if dot := ahead.next(); dot.text != "." {
			break
		}
		t := ahead.next()
		if !t.names() {
			break
		}
		s.lexer, s.before = ahead, t
		rest += "." + t.text
	}
	return rest
}

func (s *summarizer) part(p string) { s.parts = append(s.parts, p) }

// join returns as many parts as there is room for, none of them cut.
func (s *summarizer) join() string {
	n, length := 0, -1
	for n < len(s.parts) && length+1+len(s.parts[n]) <= maxSummary {
		length += 1 + len(s.parts[n])
		n++
	}
	return strings.Join(s.parts[:n], " ")
}
