package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/internal/essink"
)

// The variables that secrets come from, when no file is named.
const (
	passwordVar = "CLEW_ES_PASSWORD"
	apiKeyVar   = "CLEW_ES_API_KEY"
)

// elasticFlags say where a server is and which stream on it is meant.
type elasticFlags struct {
	config       essink.Config
	passwordFile string
	apiKeyFile   string
	index        string
	schema       string
}

func addElasticFlags(fs *pflag.FlagSet) *elasticFlags {
	f := &elasticFlags{}
	fs.StringVar(&f.config.URL, "url", "", "the server, as `http(s)://host:port`")
	fs.StringVar(&f.config.User, "user", "", "log in as `name`, with the password from --password-file or "+passwordVar)
	fs.StringVar(&f.passwordFile, "password-file", "", "`file` with the password")
	fs.StringVar(&f.apiKeyFile, "api-key-file", "", "`file` with an encoded API key (default: what "+apiKeyVar+" holds)")
	fs.StringVar(&f.config.CAFile, "ca-file", "", "`file` in PEM with the certificates to trust")
	fs.StringVar(&f.schema, "schema", "ecs", "`names` that the documents give their fields: ecs or otel")
	fs.StringVar(&f.index, "index", "", "data stream's `name` (default logs-clew.access-default, with --schema otel logs-clew.access.otel-default)")
	return f
}

// resolve reads the secrets and fills in the name of the stream.
func (f *elasticFlags) resolve() error {
	if f.config.URL == "" {
		return cli.Usagef("name the server with --url, such as http://127.0.0.1:9200")
	}
	switch f.schema {
	case "ecs", "otel":
	default:
		return cli.Usagef("--schema %s: want ecs or otel", f.schema)
	}
	if f.index == "" {
		f.index = "logs-clew.access-default"
		if f.otel() {
			f.index = "logs-clew.access.otel-default"
		}
	}
	if f.config.User == "" && f.passwordFile != "" {
		return cli.Usagef("--password-file is for --user")
	}
	var err error
	if f.config.User != "" {
		if f.config.Password, err = secret("--password-file", f.passwordFile, passwordVar); err != nil {
			return err
		}
		if f.config.Password == "" {
			return cli.Usagef("--user wants --password-file or %s", passwordVar)
		}
	}
	if f.apiKeyFile != "" || f.config.User == "" {
		f.config.APIKey, err = secret("--api-key-file", f.apiKeyFile, apiKeyVar)
	}
	return err
}

func (f *elasticFlags) otel() bool { return f.schema == "otel" }

// secret reads a secret from a file, else from the environment.
func secret(flag, path, variable string) (essink.Secret, error) {
	if path == "" {
		return essink.Secret(os.Getenv(variable)), nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", flag, err)
	}
	s := strings.TrimSpace(string(b))
	if s == "" {
		return "", fmt.Errorf("%s: %s is empty", flag, path)
	}
	return essink.Secret(s), nil
}

// retention is a time in hours or days, or none.
type retention time.Duration

func (r *retention) Set(s string) error {
	*r = 0
	if s == "forever" {
		return nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err == nil && n > 0 && n < 100_000 {
			*r = retention(time.Duration(n) * 24 * time.Hour)
			return nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= time.Hour && d%time.Hour == 0 {
		*r = retention(d)
		return nil
	}
	return errors.New("want days or whole hours, such as 30d or 36h, or forever")
}

func (r *retention) String() string {
	d := time.Duration(*r)
	switch {
	case d == 0:
		return "forever"
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	return fmt.Sprintf("%dh", d/time.Hour)
}

func (r *retention) Type() string { return "time" }

func esCommand(s cli.Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "es",
		Short: "Prepare Elasticsearch or OpenSearch for request logs",
	}
	c.AddCommand(esSetupCommand(s))
	return c
}
