package app

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"flashsale/app/web"
)

func routesCommand(t terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "routes",
		Short: "Print every route and who may use it outside demo mode",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
			if _, err := fmt.Fprintln(w, "METHOD\tPATH\tWHO\tTOKEN"); err != nil {
				return err
			}
			for _, r := range web.Routes() {
				if _, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.Method, r.Path, r.Who, r.Who.Scope()); err != nil {
					return err
				}
			}
			return w.Flush()
		},
	}
}
