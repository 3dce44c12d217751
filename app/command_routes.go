package app

import (
	"github.com/spf13/cobra"

	"flashsale/app/web"
)

func routesCommand(t terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "routes",
		Short: "Print every route and who may use it outside demo mode",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return web.PrintRoutes(t.out) },
	}
}
