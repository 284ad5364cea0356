package tracesql

import (
	"database/sql/driver"
	"reflect"
	"strings"

	"github.com/clewhq/clew/trace/internal/sqltext"
)

// systems are db.system.name by a part of the import path of the driver.
var systems = []struct{ path, system string }{
	{"github.com/jackc/pgx", "postgresql"},
	{"github.com/lib/pq", "postgresql"},
	{"github.com/go-sql-driver/mysql", "mysql"},
	{"modernc.org/sqlite", "sqlite"},
	{"github.com/mattn/go-sqlite3", "sqlite"},
	{"github.com/ncruces/go-sqlite3", "sqlite"},
	{"github.com/microsoft/go-mssqldb", "microsoft.sql_server"},
	{"github.com/denisenkom/go-mssqldb", "microsoft.sql_server"},
	{"github.com/sijms/go-ora", "oracle.db"},
	{"github.com/godror/godror", "oracle.db"},
	{"github.com/ClickHouse/clickhouse-go", "clickhouse"},
	{"github.com/snowflakedb/gosnowflake", "snowflake"},
	{"github.com/trinodb/trino-go-client", "trino"},
}

// otherSQL is db.system.name of what the conventions have no name for.
const otherSQL = "other_sql"

func systemOf(d driver.Driver) string {
	t := reflect.TypeOf(d)
	if t == nil {
		return otherSQL
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if system := systemAt(t.PkgPath()); system != "" {
		return system
	}
	return otherSQL
}

// systemAt returns the system of the driver with that import path, or "".
func systemAt(path string) string {
	if _, vendored, ok := strings.Cut(path, "/vendor/"); ok {
		path = vendored
	}
	for _, s := range systems {
		if path == s.path || strings.HasPrefix(path, s.path+"/") {
			return s.system
		}
	}
	return ""
}

func dialectOf(system string) sqltext.Dialect {
	switch system {
	case "postgresql", "cockroachdb", "aws.redshift":
		return sqltext.PostgreSQL
	case "mysql", "mariadb":
		return sqltext.MySQL
	case "sqlite":
		return sqltext.SQLite
	case "oracle.db":
		return sqltext.Oracle
	case "microsoft.sql_server":
		return sqltext.SQLServer
	}
	return sqltext.Standard
}
