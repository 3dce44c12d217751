package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"flashsale/app/config"
	"flashsale/app/instance"
	"flashsale/app/operator"
	"flashsale/app/server"
	"flashsale/events/audit"
)

// byCommand is the actor of an act by a command, on a machine of the deployment.
func byCommand() operator.Act {
	return operator.Act{ActKey: audit.ActKey{Principal: "operator"}, Means: "command"}
}

// withDeployment opens the deployment that the environment names and hands its acts to do. Afterwards the instances get
// the messages about what was done. A deployment that does not exist is not made.
func withDeployment(t terminal, do func(ctx context.Context, acts *operator.Acts) error) func(*cobra.Command, []string) error {
	return withServers(t, instance.FindDeployment, opened(instance.Open, do))
}

// lookingAt is withDeployment for what changes nothing.
func lookingAt(t terminal, do func(ctx context.Context, acts *operator.Acts) error) func(*cobra.Command, []string) error {
	return withServers(t, instance.FindToLook, opened(instance.Look, do))
}

type (
	// using works with servers that were found.
	using func(context.Context, config.Config, *instance.Servers, *slog.Logger) error
	// finding finds servers without connecting to them.
	finding func(context.Context, config.Config, *slog.Logger, io.Writer) (*instance.Servers, error)
	opening func(context.Context, config.Config, *instance.Servers, *slog.Logger) (*instance.Deployment, error)
)

func opened(open opening, do func(ctx context.Context, acts *operator.Acts) error) using {
	return func(ctx context.Context, cfg config.Config, s *instance.Servers, log *slog.Logger) error {
		d, err := open(ctx, cfg, s, log)
		if err != nil {
			return err
		}
		defer d.Close(ctx)
		return do(ctx, d.Acts())
	}
}

// withServers finds the servers that the environment names and closes them after do.
func withServers(t terminal, find finding, do using) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		cfg, err := config.Load()
		if err != nil {
			return err
		}
		return useServers(cmd.Context(), cfg, cfg, t, find, do)
	}
}

// useServers is withServers for a configuration that was read. The servers are found by the first one and used by the
// second.
func useServers(ctx context.Context, findBy, cfg config.Config, t terminal, find finding, do using) (err error) {
	if err := server.EnoughDescriptors(server.Descriptors()); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	s, err := find(ctx, findBy, log, t.err)
	if err != nil {
		return err
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), instance.StopPatience)
		defer cancel()
		err = errors.Join(err, s.Close(stopping))
	}()
	return do(ctx, cfg, s, log)
}

// confirmed asks a question to which only the word is a yes. No answer, or a question that nobody can read, is a no.
func confirmed(ctx context.Context, t terminal, question, word string) bool {
	if _, err := fmt.Fprintf(t.out, "%s Type %q to go on: ", question, word); err != nil {
		return false
	}
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(t.in).ReadString('\n')
		answer <- strings.TrimSpace(line)
	}()
	select {
	case given := <-answer:
		return given == word && ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
