// Package tracesql puts client spans around what a program does by database/sql, whatever the driver.
//
//	db, err := tracesql.Open("pgx", dsn, tracesql.Config{})
//
// takes the place of [sql.Open], [OpenDB] that of [sql.OpenDB]; [WrapConnector] and [Register] are for
// libraries that open the database themselves.
//
// A query's span is named as its summary, such as "SELECT orders", and lasts until its rows are closed.
// Conventions: OpenTelemetry's for databases, 1.43. The metrics are db.client.operation.duration,
// db.client.connection.create_time and, of the pool, db.client.connection.count, max and others. The text
// of a query is recorded only if [Config.QueryText] says so, and then without its literals; arguments and
// results never are.
//
// Connections, statements and rows have the optional interfaces of database/sql/driver that the driver's
// have, no more and no fewer, so that database/sql goes the same ways as without this package. There is one
// exception: a connection that has only the deprecated Execer or Queryer appears with ExecerContext or
// QueryerContext, which does what database/sql would do with the old one. [Inner] returns the driver's own
// connection, for use in [sql.Conn.Raw].
//
// Connections are made without the trace of the request that happened to need one first, because their
// goroutines serve many requests.
package tracesql
