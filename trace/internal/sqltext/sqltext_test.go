package sqltext

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSummarize(t *testing.T) {
	for _, tt := range []struct {
		text      string
		dialect   Dialect
		want      string
		operation string
	}{
		{"SELECT * FROM orders WHERE id = $1", PostgreSQL, "SELECT orders", "SELECT"},
		{"select count(*) from shop.orders o, carts c", Standard, "SELECT shop.orders carts", "SELECT"},
		{"SELECT 1", Standard, "SELECT", "SELECT"},
		{"SELECT a FROM t JOIN u ON t.id = u.id LEFT OUTER JOIN v USING (id)", Standard, "SELECT t u v", "SELECT"},
		{"SELECT extract(year FROM at), trim(both FROM x) FROM t", PostgreSQL, "SELECT t", "SELECT"},
		{"SELECT a IS DISTINCT FROM b FROM t WHERE c IS NOT DISTINCT FROM d", PostgreSQL, "SELECT t", "SELECT"},
		{"SELECT DISTINCT a FROM t ORDER BY a, b", Standard, "SELECT t", "SELECT"},
		{"SELECT a FROM (SELECT b FROM t WHERE x IN (1, 2)) s, u", Standard, "SELECT SELECT t u", "SELECT"},
		{"SELECT a FROM t WHERE id IN (SELECT id FROM u) AND b", Standard, "SELECT t SELECT u", "SELECT"},
		{"SELECT a FROM t UNION ALL SELECT b FROM u", Standard, "SELECT t SELECT u", "SELECT"},
		{"SELECT a FROM t FOR UPDATE", Standard, "SELECT t", "SELECT"},
		{"(SELECT a FROM t)", Standard, "SELECT t", "SELECT"},
		{"SELECT generate_series FROM generate_series(1, 2), t", PostgreSQL, "SELECT generate_series t", "SELECT"},
		{"INSERT INTO orders (id, sum) VALUES (?, ?), (?, ?) ON DUPLICATE KEY UPDATE sum = 1", MySQL, "INSERT orders", "INSERT"},
		{"INSERT INTO a SELECT * FROM b", Standard, "INSERT a SELECT b", "INSERT"},
		{"INSERT INTO a VALUES (1) ON CONFLICT (id) DO UPDATE SET x = 1 RETURNING id", PostgreSQL, "INSERT a", "INSERT"},
		{"UPDATE a SET x = b.x FROM b, c WHERE a.id = b.id", PostgreSQL, "UPDATE a b c", "UPDATE"},
		{"UPDATE a, b SET a.x = 1, b.x = 2", MySQL, "UPDATE a b", "UPDATE"},
		{"DELETE FROM a WHERE id = 1", Standard, "DELETE a", "DELETE"},
		{"REPLACE INTO a VALUES (1)", MySQL, "REPLACE a", "REPLACE"},
		{"MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN UPDATE SET x = 1", Standard, "MERGE a b", "MERGE"},
		{"WITH x AS (SELECT 1 FROM t) SELECT * FROM x", Standard, "SELECT t SELECT x", "SELECT"},
		{"WITH x AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM x", PostgreSQL, "DELETE a INSERT b SELECT x", "INSERT"},
		{"CREATE TABLE IF NOT EXISTS a (id int)", SQLite, "CREATE TABLE a", "CREATE TABLE"},
		{"CREATE OR REPLACE FUNCTION f() RETURNS int AS $$ SELECT 1 FROM secret $$", PostgreSQL, "CREATE FUNCTION f", "CREATE FUNCTION"},
		{"CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)", PostgreSQL, "CREATE INDEX i", "CREATE INDEX"},
		{"ALTER TABLE a ADD COLUMN b int", Standard, "ALTER TABLE a", "ALTER TABLE"},
		{"TRUNCATE orders", PostgreSQL, "TRUNCATE orders", "TRUNCATE"},
		{"DROP TABLE a", Standard, "DROP TABLE a", "DROP TABLE"},
		{"CALL pay(?, ?)", MySQL, "CALL pay", "CALL"},
		{"PRAGMA journal_mode = WAL", SQLite, "PRAGMA", "PRAGMA"},
		{"BEGIN", Standard, "BEGIN", "BEGIN"},
		{"EXPLAIN ANALYZE SELECT a FROM t", PostgreSQL, "EXPLAIN SELECT t", "EXPLAIN"},
		{"-- by the shop's job\n/* route=/pay */ SELECT a FROM t -- end", Standard, "SELECT t", "SELECT"},
		{"SELECT 'FROM x' FROM \"Order\" -- FROM y", PostgreSQL, `SELECT "Order"`, "SELECT"},
		{"SELECT a FROM `shop`.`t`", MySQL, "SELECT `shop`.`t`", "SELECT"},
		{"SELECT a FROM [dbo].[t]", SQLServer, "SELECT [dbo].[t]", "SELECT"},
		{"SELECT a FROM t; DELETE FROM u;", Standard, "SELECT t DELETE u", ""},
		{"SELECT a FROM t;", Standard, "SELECT t", "SELECT"},
		{";;", Standard, "", ""},
		{"", Standard, "", ""},
		{"4111111111111111", Standard, "", ""},
		{"hunter2 SELECT 1", Standard, "", ""},
		{"SELECT a FROM 'x", Standard, "SELECT", "SELECT"},
		{"INSERT INTO t VALUES (1)" + strings.Repeat(",(1)", 4000), Standard, "INSERT t", ""},
	} {
		if got := Summarize(tt.text, tt.dialect); got.Text != tt.want || got.Operation != tt.operation {
			t.Errorf("%.80s\n got %+v\nwant {%s %s}", tt.text, got, tt.want, tt.operation)
		}
	}
}

func TestSummaryIsBounded(t *testing.T) {
	text := "SELECT a FROM " + strings.Repeat("long_table_name_, ", 100) + "t"
	got := Summarize(text, Standard).Text
	if len(got) > maxSummary || !strings.HasSuffix(got, " long_table_name_") {
		t.Errorf("%d bytes, ends in %q", len(got), got[len(got)-20:])
	}
}

func TestSanitize(t *testing.T) {
	for _, tt := range []struct {
		text    string
		dialect Dialect
		want    string
	}{
		{"SELECT * FROM t WHERE a = 'O''Brien' AND b=12.5e-3", Standard, "SELECT * FROM t WHERE a = ? AND b=?"},
		{"SELECT  a\n\tFROM t -- the card 4111\n WHERE b IN (1, 2,3 , 'x')", Standard, "SELECT a FROM t WHERE b IN (?)"},
		{"INSERT INTO t VALUES (1, now(), 2), (3, 4, a)", Standard, "INSERT INTO t VALUES (?, now(), ?), (?, a)"},
		{"SELECT $1, :name, @p, ?, ?2", PostgreSQL, "SELECT $1, :name, @p, ?, ??"},
		{"SELECT a::text, b->>'k' FROM t WHERE c = -5", PostgreSQL, "SELECT a::text, b->>? FROM t WHERE c = -?"},
		{"SELECT $$it's$$, $t$x$t$, E'a\\'b', U&'x', X'ff', N'x'", PostgreSQL, "SELECT ?, U&?"},
		{"SELECT /* a /* b */ secret */ 1", PostgreSQL, "SELECT ?"},
		{"SELECT \"secret\", 'a\\'secret', _utf8mb4'x' # secret\n FROM t", MySQL, "SELECT ? FROM t"},
		{"SELECT q'[it's secret]', q'!a!' FROM t", Oracle, "SELECT ? FROM t"},
		{"SELECT [a b], [name] FROM \"Order\" WHERE \"kim@x.kr\" = a", SQLite, `SELECT ?, [name] FROM "Order" WHERE ? = a`},
		{"SELECT a LIKE ? ESCAPE '\\' FROM t", PostgreSQL, "SELECT a LIKE ? ESCAPE ? FROM t"},
		{"SELECT 'x\\' secret', 'y' FROM t", PostgreSQL, "SELECT ?"},
		{"SELECT 'secret", Standard, "SELECT ?"},
		{"SELECT \"secret", Standard, "SELECT ?"},
		{"SELECT $x$secret", PostgreSQL, "SELECT ?"},
		{"SELECT q'[secret", Oracle, "SELECT ?"},
		{"SELECT a /* secret", Standard, "SELECT a"},
		{"SELECT 한글 FROM t\xff", Standard, "SELECT 한글 FROM t\uFFFD"},
		{"", Standard, ""},
	} {
		if got := Sanitize(tt.text, tt.dialect, 1000); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
	if got := Sanitize("SELECT 한글", Standard, 9); got != "SELECT " {
		t.Errorf("cut to 9 bytes: %q", got)
	}
}

// FuzzText: no text makes it panic or go on for ever, and no data inside of a string comes through.
func FuzzText(f *testing.F) {
	for _, s := range []string{"SELECT a FROM t WHERE b = %s", "INSERT INTO t VALUES (%s, %s)", "q'[ $x$ \\' \" /* %s", "WITH x AS (%s) UPDATE", "))((;;"} {
		f.Add(s, uint8(1))
	}
	f.Fuzz(func(t *testing.T, text string, dialect uint8) {
		d := Dialect(dialect % (uint8(SQLite) + 1))
		sum := Summarize(text, d)
		if len(sum.Text) > maxSummary+maxSummary*2 || !utf8.ValidString(sum.Text) {
			t.Errorf("summary %q", sum.Text)
		}
		if got := Sanitize(text, d, 100); len(got) > 100 || !utf8.ValidString(got) {
			t.Errorf("sanitized %q", got)
		}
		if strings.ContainsAny(text, "'\"`[]$\\/-#qQ") || strings.Contains(text, "hunter2") {
			return
		}
		if got := Sanitize(text+" 'hunter2' ", d, 1<<20); strings.Contains(got, "hunter2") {
			t.Errorf("a string's data in %q", got)
		}
	})
}
