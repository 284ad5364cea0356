package main

var sqlShapes = file{
	pkg:     "tracesql",
	imports: []string{"context", "database/sql/driver", "reflect"},
	families: []family{
		{
			name: "conn", base: "tracedConn", result: "driver.Conn", inPlace: true,
			doc: "// connWithShape returns w as the type whose optional interfaces are those of s.",
			capabilities: []capability{
				{"P", "func (w NAME) Ping(ctx context.Context) error { return w.ping(ctx) }\n"},
				{"E", "func (w NAME) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) { return w.exec(ctx, query, args) }\n"},
				{"Q", "func (w NAME) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) { return w.query(ctx, query, args) }\n"},
				{"S", "func (w NAME) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) { return w.prepareContext(ctx, query) }\n"},
				{"B", "func (w NAME) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) { return w.beginTx(ctx, opts) }\n"},
				{"R", "func (w NAME) ResetSession(ctx context.Context) error { return w.resetSession(ctx) }\n"},
				{"V", "func (w NAME) IsValid() bool { return w.isValid() }\n"},
				{"N", "func (w NAME) CheckNamedValue(v *driver.NamedValue) error { return w.checkNamedValue(v) }\n"},
			},
		},
		{
			name: "stmt", base: "tracedStmt", result: "driver.Stmt", inPlace: true,
			doc: "// stmtWithShape returns w as the type whose optional interfaces are those of s.",
			capabilities: []capability{
				{"E", "func (w NAME) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) { return w.execContext(ctx, args) }\n"},
				{"Q", "func (w NAME) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) { return w.queryContext(ctx, args) }\n"},
				{"N", "func (w NAME) CheckNamedValue(v *driver.NamedValue) error { return w.checkNamedValue(v) }\n"},
				{"C", "func (w NAME) ColumnConverter(i int) driver.ValueConverter { return w.columnConverter(i) }\n"},
			},
		},
		{
			name: "rows", base: "tracedRows", result: "driver.Rows", inPlace: true,
			doc: "// rowsWithShape returns w as the type whose optional interfaces are those of s.",
			capabilities: []capability{
				{"N", "func (w NAME) HasNextResultSet() bool { return w.hasNextResultSet() }\nfunc (w NAME) NextResultSet() error { return w.nextResultSet() }\n"},
				{"S", "func (w NAME) ColumnTypeScanType(i int) reflect.Type { return w.scanType(i) }\n"},
				{"D", "func (w NAME) ColumnTypeDatabaseTypeName(i int) string { return w.databaseTypeName(i) }\n"},
				{"L", "func (w NAME) ColumnTypeLength(i int) (int64, bool) { return w.length(i) }\n"},
				{"U", "func (w NAME) ColumnTypeNullable(i int) (nullable, ok bool) { return w.nullable(i) }\n"},
				{"P", "func (w NAME) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) { return w.precisionScale(i) }\n"},
			},
		},
	},
}
