package tracesql

import (
	"net"
	"net/url"
	"strconv"
	"strings"
)

// target is where a data source's name leads. It never holds anything else of the name, which has a
// password in it.
type target struct {
	host     string
	port     int
	database string
}

// parseDSN reads the forms that the well-known drivers take. Of a name that it does not understand it
// returns nothing.
func parseDSN(system, dsn string) (t target) {
	switch {
	case system == otherSQL || system == "sqlite": // a file's name says nothing of a server
		return target{}
	case system == "mysql": // which has no URLs, but may have a password that looks like one
		t = parseMySQL(dsn)
	case isURL(dsn):
		t = parseURL(dsn)
	case system == "postgresql":
		t = fromPairs(wordPairs(dsn), "dbname")
	case system == "microsoft.sql_server":
		t = fromPairs(semicolonPairs(dsn), "database")
	}
	if !isHost(t.host) {
		t.host, t.port = "", 0
	}
	if !isDatabase(t.database) {
		t.database = ""
	}
	return t
}

// isURL reports whether dsn begins with a scheme.
func isURL(dsn string) bool {
	scheme, _, ok := strings.Cut(dsn, "://")
	return ok && consistsOf(scheme, "")
}

func parseURL(dsn string) target {
	u, err := url.Parse(dsn)
	if err != nil {
		return target{}
	}
	t := target{host: u.Hostname(), database: strings.TrimPrefix(u.Path, "/")}
	t.port, _ = strconv.Atoi(u.Port())
	if q := u.Query(); u.Scheme == "sqlserver" {
		t.database = q.Get("database") // the path is the instance
	} else if t.host == "" {
		t.host = q.Get("host")
	}
	return t
}

// parseMySQL reads user:password@tcp(host:port)/database?options. The password may have any character
// in it, so it is read from the end, as the driver does.
func parseMySQL(dsn string) target {
	slash := strings.LastIndexByte(dsn, '/')
	if slash < 0 {
		return target{}
	}
	database, _, _ := strings.Cut(dsn[slash+1:], "?")
	t := target{database: database}
	server := dsn[:slash]
	server = server[strings.LastIndexByte(server, '@')+1:]
	if strings.HasPrefix(server, "unix(") { // its path has slashes, too
		return t
	}
	if address, ok := strings.CutSuffix(server, ")"); ok {
		if _, address, ok = strings.Cut(address, "("); ok {
			t.setAddress(address)
		}
	}
	return t
}

func (t *target) setAddress(address string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.host = strings.Trim(address, "[]")
		return
	}
	t.host = host
	t.port, _ = strconv.Atoi(port)
}

// fromPairs finds the server in pairs; database is the key for that.
func fromPairs(pairs map[string]string, database string) target {
	t := target{host: pairs["host"], database: pairs[database]}
	if server, instance, _ := strings.Cut(pairs["server"], `\`); t.host == "" && instance == "" {
		host, port, _ := strings.Cut(strings.TrimPrefix(server, "tcp:"), ",")
		t.host = host
		t.port, _ = strconv.Atoi(port)
	}
	if port, err := strconv.Atoi(pairs["port"]); err == nil {
		t.port = port
	}
	return t
}

// wordPairs reads libpq's host=a port=5432 password='with \' in it'.
func wordPairs(s string) map[string]string {
	pairs := map[string]string{}
	for {
		key, rest, ok := strings.Cut(s, "=")
		if !ok {
			return pairs
		}
		var value strings.Builder
		rest = strings.TrimLeft(rest, " \t\n\r")
		quoted := strings.HasPrefix(rest, "'")
		if quoted {
			rest = rest[1:]
		}
		i := 0
		for ; i < len(rest); i++ {
			c := rest[i]
			if quoted && c == '\'' || !quoted && c <= ' ' {
				break
			}
			if c == '\\' && i+1 < len(rest) {
				i++
				c = rest[i]
			}
			value.WriteByte(c)
		}
		pairs[strings.TrimSpace(key)] = value.String()
		s = rest[min(len(rest), i+1):]
	}
}

// semicolonPairs reads server=a;database=b. With braces, which quote a semicolon, it gives up.
func semicolonPairs(s string) map[string]string {
	if strings.ContainsAny(s, "{}\"'") {
		return nil
	}
	pairs := map[string]string{}
	for pair := range strings.SplitSeq(s, ";") {
		if key, value, ok := strings.Cut(pair, "="); ok {
			pairs[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(value)
		}
	}
	return pairs
}

// isHost reports whether s can be a host's name, an address or the path of a socket: one, not a list.
func isHost(s string) bool { return len(s) <= 255 && consistsOf(s, ".-_:%/") }

func isDatabase(s string) bool { return len(s) <= 128 && consistsOf(s, "-_.$") }

func consistsOf(s, besides string) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(besides, c) {
			return false
		}
	}
	return true
}
