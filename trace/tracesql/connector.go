package tracesql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"sync/atomic"

	"github.com/clewhq/clew/propagate"
	"github.com/clewhq/clew/trace"
)

// Open is [sql.Open] with spans and metrics. Of dsn the server's address and the name of the database are
// recorded, if it has the form that a well-known driver takes, and nothing else.
func Open(driverName, dsn string, cfg Config, opts ...trace.Option) (*sql.DB, error) {
	// There is no other way to a driver by its name.
	found, err := sql.Open(driverName, dsn)
	if err != nil {
		return nil, err
	}
	d := found.Driver()
	if err := found.Close(); err != nil {
		return nil, err
	}
	cfg = cfg.complete(d, dsn)
	c, err := connectorOf(d, dsn)
	if err != nil {
		return nil, err
	}
	return OpenDB(c, cfg, opts...), nil
}

// OpenDB is [sql.OpenDB] with spans and metrics. The metrics of the pool are read until the database is
// closed.
func OpenDB(c driver.Connector, cfg Config, opts ...trace.Option) (db *sql.DB) {
	wrapped := wrapConnector(c, cfg, opts)
	propagate.Background(func() { db = sql.OpenDB(wrapped) }) // it starts a goroutine, for good
	stop := wrapped.db.watch(db)
	wrapped.onClose.Store(&stop)
	return db
}

// WrapConnector returns a connector whose connections are those of c, with spans and metrics. For the
// metrics of the pool see [WatchPool], or use [OpenDB].
func WrapConnector(c driver.Connector, cfg Config, opts ...trace.Option) driver.Connector {
	return wrapConnector(c, cfg, opts)
}

func wrapConnector(c driver.Connector, cfg Config, opts []trace.Option) *connector {
	if already, ok := c.(*connector); ok {
		c = already.inner
	}
	return &connector{inner: c, db: newDatabase(cfg.complete(c.Driver(), ""), opts)}
}

// Register makes d available to [sql.Open] as name, with spans and metrics. As sql.Register does, it
// panics if the name is taken, and must be called at most once a name.
func Register(name string, d driver.Driver, cfg Config, opts ...trace.Option) {
	sql.Register(name, WrapDriver(d, cfg, opts...))
}

// WrapDriver returns d with spans and metrics.
func WrapDriver(d driver.Driver, cfg Config, opts ...trace.Option) driver.Driver {
	return wrappedDriver{d, cfg, opts}
}

// wrappedDriver has a connector even if the inner one has not: to database/sql that makes no difference,
// and all connections share what is known of the database.
type wrappedDriver struct {
	inner driver.Driver
	cfg   Config
	opts  []trace.Option
}

// Open implements [driver.Driver].
func (d wrappedDriver) Open(dsn string) (driver.Conn, error) {
	c, err := d.OpenConnector(dsn)
	if err != nil {
		return nil, err
	}
	return c.Connect(context.Background())
}

// OpenConnector implements [driver.DriverContext].
func (d wrappedDriver) OpenConnector(dsn string) (driver.Connector, error) {
	c, err := connectorOf(d.inner, dsn)
	if err != nil {
		return nil, err
	}
	return wrapConnector(c, d.cfg.complete(d.inner, dsn), d.opts), nil
}

// connectorOf does what sql.Open does with a driver.
func connectorOf(d driver.Driver, dsn string) (driver.Connector, error) {
	if dc, ok := d.(driver.DriverContext); ok {
		return dc.OpenConnector(dsn)
	}
	return plainConnector{d, dsn}, nil
}

// plainConnector is that of a driver that has none.
type plainConnector struct {
	driver driver.Driver
	dsn    string
}

// Connect implements [driver.Connector].
func (c plainConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }

// Driver implements [driver.Connector].
func (c plainConnector) Driver() driver.Driver { return c.driver }

type connector struct {
	inner   driver.Connector
	db      *database
	onClose atomic.Pointer[func()]
}

// Connect implements [driver.Connector].
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	return c.db.connect(ctx, c.inner.Connect)
}

// Driver implements [driver.Connector]. It is the driver itself, for programs that look which it is.
func (c *connector) Driver() driver.Driver { return c.inner.Driver() }

// Close implements [io.Closer]: the database has been closed.
func (c *connector) Close() error {
	if stop := c.onClose.Swap(nil); stop != nil {
		(*stop)()
	}
	if closer, ok := c.inner.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}
