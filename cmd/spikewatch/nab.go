package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/zscore"
	"github.com/clewhq/clew/zscore/source"
)

func nabCommand(s cli.Streams) *cobra.Command {
	var data, out string
	c := &cobra.Command{
		Use:   "nab --data DIR --out DIR",
		Short: "Score the files of the Numenta Anomaly Benchmark",
		Long: `Reads every DIR/data/GROUP/FILE.csv, or DIR/GROUP/FILE.csv, with the columns
timestamp and value, and writes OUT/GROUP/clew_FILE.csv with the columns
timestamp, value and anomaly_score, from 0 to 1, as the benchmark's own scorer
reads them. Each file is judged by the detector "auto" with the one parameter
set it has, from its first point to its last, and each point before it is learnt.`,
		Example: `  spikewatch nab --data NAB --out results/clew`,
		Args:    cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := scoreCorpus(c.Context(), data, out)
			if err != nil {
				return err
			}
			fmt.Fprintf(s.Err, "%d files scored into %s\n", n, out)
			return nil
		},
	}
	c.Flags().StringVar(&data, "data", "", "the benchmark's `directory`")
	c.Flags().StringVar(&out, "out", "", "write the scores below this `directory`")
	for _, name := range []string{"data", "out"} {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // the flag was added above
		}
	}
	return c
}

// scoreCorpus scores every series below data and returns how many there were.
func scoreCorpus(ctx context.Context, data, out string) (int, error) {
	root := filepath.Join(data, "data")
	if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		root = data
	}
	files, err := filepath.Glob(filepath.Join(escapeGlob(root), "*", "*.csv"))
	if err != nil {
		return 0, err
	}
	if len(files) == 0 {
		return 0, fmt.Errorf("no file GROUP/FILE.csv in %s: --data is the benchmark's own directory, or its directory data", root)
	}
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		group := filepath.Join(out, filepath.Base(filepath.Dir(file)))
		if err := os.MkdirAll(group, 0o777); err != nil {
			return 0, err
		}
		if err := scoreFile(file, filepath.Join(group, "clew_"+filepath.Base(file))); err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
	}
	return len(files), nil
}

// escapeGlob keeps a directory's own name from being a pattern.
func escapeGlob(dir string) string {
	var b []byte
	for _, c := range []byte(dir) {
		if c == '*' || c == '?' || c == '[' {
			b = append(b, '[', c, ']')
			continue
		}
		b = append(b, c)
	}
	return string(b)
}

func scoreFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return cli.WriteFile(to, func(w io.Writer) error { return score(in, w) })
}

// score refuses a file with a line that it does not understand: a row left out
// would shift all those after it.
func score(in io.Reader, w io.Writer) error {
	out := csv.NewWriter(w)
	record := []string{"timestamp", "value", "anomaly_score"}
	if err := out.Write(record); err != nil {
		return err
	}
	d := zscore.NewEnsemble()
	for p, err := range source.CSV(in) {
		if err != nil {
			return err
		}
		v := d.Observe(p.Time, p.Value)
		record[0], record[1], record[2] = p.TimeText, p.ValueText, strconv.FormatFloat(v.Score, 'g', -1, 64)
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
