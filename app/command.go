// Package app is the command line of flashsale, one file for each command, and one for those that only print. A command reads the
// environment, finds the servers of the deployment, and does what it is named after: serve runs an instance until it is stopped,
// the others work beside the instances or without any.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"flashsale/app/embedded"
	"flashsale/app/server"
)

// errReported ends a command with exit code 1 after it has already said what is wrong.
var errReported = errors.New("reported")

// terminal is where a command reads and writes.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

// Main runs one command line and returns the exit code: 0, or 1 with a sentence on errOut.
func Main(args []string, in io.Reader, out, errOut io.Writer) int {
	if embedded.GuardMode() {
		return embedded.RunGuard()
	}
	server.OwnFiles()
	ctx, release := untilSignal(context.Background())
	defer release()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	short := &pipe{to: out, stop: stop}
	root := rootCommand(terminal{in, out, errOut}, terminal{in, short, errOut})
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case short.gone.Load():
		return 1
	case err == nil:
		return 0
	}
	if !errors.Is(err, errReported) {
		_, _ = fmt.Fprintln(errOut, "flashsale:", err)
	}
	return 1
}

// rootCommand has the commands that run until they are stopped, which get the first terminal, and the short ones.
func rootCommand(long, t terminal) *cobra.Command {
	serve := serveCommand(long)
	root := &cobra.Command{
		Use:   "flashsale",
		Short: "A flash sale that never sells what is not there",
		Long: "flashsale runs a flash sale: shop page, API, operators' tab and everything behind them.\n" +
			"Without a command it serves; every setting is an environment variable (see .env.example).",
		Args:          cobra.NoArgs,
		RunE:          serve.RunE,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetIn(t.in)
	root.SetOut(t.out)
	root.SetErr(t.err)
	root.AddCommand(serve, migrateCommand(t), seedCommand(t), resetCommand(t), saleCommand(t), stressCommand(t),
		benchCommand(t), noopCommand(long), saturatedCommand(long), verifyCommand(t), doctorCommand(t), healthCommand(), routesCommand(t),
		unitCommand(t), manifestsCommand(t), dashboardCommand(t), backupCommand(t), restoreCommand(t),
		adminCommand(t), brandCommand(t), versionCommand(t))
	return root
}
