package tracesql

import (
	"database/sql/driver"
	"net"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// Config says what there is to know of a database that its driver does not tell. The zero value is
// enough for most.
type Config struct {
	// System is db.system.name, such as "postgresql" or "mysql". Empty: by the driver if it is one of the
	// well-known, else other_sql. It also says in which dialect queries are read.
	System string
	// Namespace is db.namespace, the database's name.
	Namespace string
	// Address is server.address, a host's name, its address or a socket's path.
	Address string
	// Port is server.port. 0: not told.
	Port int
	// PoolName is db.client.connection.pool.name. Empty: made of Address, Port and Namespace as the
	// conventions say, or of System where those are not known.
	PoolName string
	// QueryText records db.query.text: the query with a question mark for each literal, at most 2 KiB
	// of it.
	QueryText bool
	// WithoutUpkeep leaves out the spans of making, checking and resetting connections: CONNECT, PING
	// and RESET.
	WithoutUpkeep bool
	// StatusCode returns the database's code for an error, db.response.status_code, or "" if err is not
	// the database's. nil: the codes of the well-known drivers.
	StatusCode func(err error) string
}

// complete returns c with what the driver and the data source's name tell. Open is the only one that
// has such a name.
func (c Config) complete(d driver.Driver, dsn string) Config {
	if c.System == "" {
		c.System = systemOf(d)
	}
	t := parseDSN(c.System, dsn)
	if c.Address == "" {
		c.Address = t.host
		if c.Port == 0 {
			c.Port = t.port
		}
	}
	if c.Namespace == "" {
		c.Namespace = t.database
	}
	if c.PoolName == "" {
		c.PoolName = c.poolName()
	}
	if c.StatusCode == nil {
		c.StatusCode = statusCode
	}
	return c
}

func (c Config) poolName() string {
	name := c.Address
	if c.Port != 0 {
		name = net.JoinHostPort(c.Address, strconv.Itoa(c.Port))
	}
	if c.Namespace != "" {
		name += "/" + c.Namespace
	}
	if name == "" {
		return c.System
	}
	return name
}

// attributes are those of all spans and metrics of operations.
func (c Config) attributes() []attribute.KeyValue {
	kv := []attribute.KeyValue{semconv.DBSystemNameKey.String(c.System)}
	if c.Namespace != "" {
		kv = append(kv, semconv.DBNamespace(c.Namespace))
	}
	if c.Address != "" {
		kv = append(kv, semconv.ServerAddress(c.Address))
		if c.Port != 0 {
			kv = append(kv, semconv.ServerPort(c.Port))
		}
	}
	return kv
}
