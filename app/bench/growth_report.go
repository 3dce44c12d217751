package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
)

// write writes the tables, or the JSON document, to cfg.Out.
func (g *Growth) write(cfg Config) error {
	if cfg.Out == nil {
		return nil
	}
	if cfg.JSON {
		encoder := json.NewEncoder(cfg.Out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(g)
	}
	return g.WriteText(cfg.Out)
}

// WriteText writes the tables for people.
func (g *Growth) WriteText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Machine: %s\nServers: %s\n%d connections; costs are for each purchase, with what it leaves to be done\n\n",
		g.Machine, g.Servers, g.Connections)
	for _, table := range []struct {
		title string
		of    func(Step) int
		steps []Step
	}{
		{"units", func(s Step) int { return s.Units }, g.Sizes},
		{"streams", func(s Step) int { return s.Streams }, g.Streams},
		{"processes", func(s Step) int { return s.Processes }, g.Processes},
	} {
		if len(table.steps) > 0 {
			writeSteps(&b, table.title, table.of, table.steps)
		}
	}
	fmt.Fprintf(&b, "Verify: %s\n", checksText(g.Verify))
	for _, note := range g.Notes {
		fmt.Fprintf(&b, "Note: %s\n", note)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// writeSteps writes one table; the costs are also given as a multiple of the first line's.
func writeSteps(w io.Writer, title string, of func(Step) int, steps []Step) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line(t, title, "shoppers", "measured", "per second", "CPU µs", "to first", "servers µs", "p50 ms", "p99 ms", "MiB", "new sale ms")
	for _, s := range steps {
		memory := "-"
		if s.Resident > 0 {
			memory = number(mebibytes(s.Resident))
		}
		line(t, strconv.Itoa(of(s)), strconv.Itoa(s.Shoppers), strconv.Itoa(s.Purchases), number(s.Rate), optional(s.CPU), multiple(s.CPU, steps[0].CPU),
			optional(s.ServerCPU), number(s.Bought.P50), number(s.Bought.P99), memory, number(s.Reset))
	}
	_ = t.Flush() // a buffer takes everything
	_, _ = io.WriteString(w, "\n")
}

func optional(v *float64) string {
	if v == nil {
		return "-"
	}
	return number(*v)
}

func multiple(v, of *float64) string {
	if v == nil || of == nil || *of == 0 {
		return "-"
	}
	return strconv.FormatFloat(*v / *of, 'f', 2, 64)
}
