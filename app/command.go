// Package app is the command line of flashsale, one file for each command. A command reads the environment, finds the servers of
// the deployment, and does what it is named after: serve runs an instance until it is stopped, the others work beside the
// instances or without any.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"

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
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	root := rootCommand(terminal{in, out, errOut})
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if !errors.Is(err, errReported) {
		_, _ = fmt.Fprintln(errOut, "flashsale:", err)
	}
	return 1
}

func rootCommand(t terminal) *cobra.Command {
	serve := serveCommand(t)
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
		benchCommand(t), noopCommand(t), saturatedCommand(t), verifyCommand(t), doctorCommand(t), healthCommand(), versionCommand(t))
	return root
}
