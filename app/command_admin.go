package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"flashsale/app/config"
	"flashsale/app/instance"
	"flashsale/app/operator"
	"flashsale/users"
	"flashsale/users/login"
)

// errDemo refuses what makes a credential of an operator.
var errDemo = errors.New("in demo mode everybody is an operator, and there is nothing to sign in to; start with DEMO=false first")

// errKeysSet refuses a key that no process would sign with.
var errKeysSet = errors.New("SESSION_KEYS is set, so sessions are signed with its first key and nothing was done; to rotate, put a new key before the others there")

func adminCommand(t terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "admin",
		Short: "Say who may operate this deployment",
		Long: "Roles are viewer, who sees the desk, operator, who acts on sales, orders and shoppers, and owner, who also decides who\n" +
			"has a role. Whoever can run these commands on a machine of the deployment may do what an owner may.",
		Args: cobra.NoArgs,
	}
	c.AddCommand(adminInviteCommand(t), adminCreateCommand(t), adminRoleCommand(t), adminListCommand(t), adminResetCommand(t), adminRotateCommand(t))
	return c
}

// administering is a command that changes who may operate a deployment. In demo mode it is refused.
func administering(t terminal, do func(ctx context.Context, cfg config.Config, d *instance.Deployment) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		cfg, err := config.Load()
		if err != nil {
			return err
		}
		if err := refuseDemo(cfg); err != nil {
			return err
		}
		return useServers(cmd.Context(), cfg, cfg, t, instance.FindDeployment, func(ctx context.Context, cfg config.Config, s *instance.Servers, log *slog.Logger) error {
			d, err := instance.Open(ctx, cfg, s, log)
			if err != nil {
				return err
			}
			defer d.Close(ctx)
			return do(ctx, cfg, d)
		})
	}
}

// refuseDemo returns errDemo when the instance beside this command is in demo mode, or, when there is none on embedded servers, when
// one with this environment would be.
func refuseDemo(cfg config.Config) error {
	running, found, err := instance.FindRunning(cfg)
	switch {
	case err != nil:
		return err
	case found && running.Demo, !found && cfg.Demo:
		return errDemo
	}
	return nil
}

// shopURL is the address at which people open a link.
func shopURL(cfg config.Config) string {
	if cfg.PublicURL != "" {
		return cfg.PublicURL
	}
	if running, found, err := instance.FindRunning(cfg); err == nil && found {
		return running.URL
	}
	return fmt.Sprintf("http://localhost:%d", cfg.Port)
}

func adminInviteCommand(t terminal) *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "invite [--role viewer|operator|owner]",
		Short: "Print a link, for one use, that gives a role; without an owner, that of the first one",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			var role login.Role
			if name != "" {
				var err error
				if role, err = givenRole(name); err != nil {
					return err
				}
			}
			return administering(t, func(ctx context.Context, cfg config.Config, d *instance.Deployment) error {
				return invite(ctx, d.Acts(), role, shopURL(cfg), t)
			})(cmd, args)
		},
	}
	c.Flags().StringVar(&name, "role", "", "viewer, operator or owner; not needed while there is no owner")
	return c
}

// givenRole is a role from the command line.
func givenRole(name string) (login.Role, error) {
	role, err := login.ParseRole(name)
	if err != nil {
		return role, fmt.Errorf("there is no role %q: there are viewer, operator and owner", name)
	}
	return role, nil
}

// invite prints a link. As long as there is no owner the link of one is that of the first owner, which a new one voids.
func invite(ctx context.Context, acts *operator.Acts, role login.Role, url string, t terminal) error {
	exists, err := acts.OwnerExists(ctx)
	if err != nil {
		return err
	}
	if exists && role == login.NoRole {
		return errors.New("there is an owner; say with --role viewer, operator or owner what the link gives")
	}
	if !exists && (role == login.NoRole || role == login.Owner) {
		link, err := acts.InviteFirstOwner(ctx, byCommand())
		if err != nil {
			return err
		}
		return firstOwnerLine(t.out, url, link)
	}
	link, err := acts.Invite(ctx, byCommand(), role)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "Become %s: %s/invitations/%s (for one use, until %s)\n", article(role), url, link.Token, link.Expires.Format("2006-01-02 15:04 MST"))
	return err
}

func firstOwnerLine(w io.Writer, url string, link operator.Link) error {
	_, err := fmt.Fprintf(w, "Create the first owner: %s/invitations/%s (%d minutes)\n", url, link.Token, int(login.FirstOwnerLife.Minutes()))
	return err
}

func article(role login.Role) string {
	if role == login.Viewer {
		return "a viewer"
	}
	return "an " + role.String()
}

func adminCreateCommand(t terminal) *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "create USERNAME --role viewer|operator|owner",
		Short: "Make an account with a role; its password is asked for, or read from the input",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			role, err := givenRole(name)
			if err != nil {
				return err
			}
			return administering(t, func(ctx context.Context, _ config.Config, d *instance.Deployment) error {
				return createMember(ctx, d, args[0], role, t)
			})(cmd, args)
		},
	}
	c.Flags().StringVar(&name, "role", "", "viewer, operator or owner")
	return c
}

func createMember(ctx context.Context, d *instance.Deployment, username string, role login.Role, t terminal) error {
	password, err := readPassword(ctx, t)
	if err != nil {
		return err
	}
	made, err := d.SignUp(ctx, username, password)
	if errors.Is(err, login.ErrTaken) {
		return fmt.Errorf("there is or was an account %q; if it is the right one, give it the role with `flashsale admin role`", username)
	}
	if err != nil {
		return fmt.Errorf("no account was made: %w", err)
	}
	if _, err := d.Acts().SetRole(ctx, byCommand(), made.Username, role); err != nil {
		return fmt.Errorf("the account is made, without a role: %w", err)
	}
	_, err = fmt.Fprintf(t.out, "%s is %s\n", made.Username, article(role))
	return err
}

// readPassword asks twice for a password in a terminal, which does not show it, or reads the first line of another input.
func readPassword(ctx context.Context, t terminal) (string, error) {
	file, ok := t.in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return firstLine(ctx, t.in)
	}
	first, err := askHidden(ctx, t.err, file, "Password: ")
	if err != nil {
		return "", err
	}
	again, err := askHidden(ctx, t.err, file, "Once more: ")
	if err == nil && again != first {
		err = errors.New("the two passwords differ; nothing was done")
	}
	return first, err
}

// typed is what was read, or why not.
type typed struct {
	text string
	err  error
}

// await is what read reads, unless ctx ends first: then the reader is left behind, for the process ends.
func await(ctx context.Context, read func() (string, error)) (string, error) {
	answer := make(chan typed, 1)
	go func() {
		text, err := read()
		answer <- typed{text, err}
	}()
	select {
	case got := <-answer:
		return got.text, got.err
	case <-ctx.Done():
		return "", errors.New("stopped; nothing was done")
	}
}

// askHidden asks in a terminal that does not show the answer, and shows what is typed again afterwards.
func askHidden(ctx context.Context, w io.Writer, file *os.File, question string) (string, error) {
	fd := int(file.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	defer func() { _ = term.Restore(fd, before) }()
	if _, err := io.WriteString(w, question); err != nil {
		return "", fmt.Errorf("ask for the password: %w", err)
	}
	answer, err := await(ctx, func() (string, error) {
		raw, err := term.ReadPassword(fd)
		return string(raw), err
	})
	_, _ = io.WriteString(w, "\n")
	return answer, err
}

func firstLine(ctx context.Context, in io.Reader) (string, error) {
	return await(ctx, func() (string, error) {
		line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	})
}

func adminRoleCommand(t terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "role USERNAME viewer|operator|owner|none",
		Short: "Give an account a role, or take it away; a change ends its sessions",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			role := login.NoRole
			if args[1] != "none" {
				var err error
				if role, err = givenRole(args[1]); err != nil {
					return err
				}
			}
			return administering(t, func(ctx context.Context, _ config.Config, d *instance.Deployment) error {
				return setRole(ctx, d.Acts(), args[0], role, t)
			})(cmd, args)
		},
	}
}

func setRole(ctx context.Context, acts *operator.Acts, username string, role login.Role, t terminal) error {
	done, err := acts.SetRole(ctx, byCommand(), username, role)
	if err != nil {
		return memberError(err, username)
	}
	is := "has no role"
	if role != login.NoRole {
		is = "is " + article(role)
	}
	if done.Before == done.After {
		_, err = fmt.Fprintf(t.out, "%s %s, as before\n", done.Username, is)
		return err
	}
	_, err = fmt.Fprintf(t.out, "%s %s; who is signed in as %s has to sign in again\n", done.Username, is, done.Username)
	return err
}

// memberError says in a sentence why an act on an account was refused.
func memberError(err error, username string) error {
	switch {
	case errors.Is(err, users.ErrNoAccount), errors.Is(err, users.ErrName):
		return fmt.Errorf("there is no account %q", username)
	case errors.Is(err, login.ErrLastOwner):
		return fmt.Errorf("%s is the last owner; make somebody else an owner first", username)
	}
	return err
}

func adminListCommand(t terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Show who has a role",
		Args:  cobra.NoArgs,
		RunE: lookingAt(t, func(ctx context.Context, acts *operator.Acts) error {
			team, err := acts.Team(ctx)
			if err != nil {
				return err
			}
			return writeTeam(t.out, team)
		}),
	}
}

func writeTeam(w io.Writer, team []login.Member) error {
	if len(team) == 0 {
		_, err := io.WriteString(w, "nobody has a role\n")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, m := range team {
		factor := "no second factor"
		if m.SecondFactor {
			factor = "second factor"
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\tsince %s, by %s\n", m.Username, m.Role, factor, m.GivenAt.Format("2006-01-02 15:04 MST"), m.GivenBy)
	}
	return table.Flush()
}

func adminResetCommand(t terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "reset-second-factor USERNAME",
		Short: "Remove the second factor of an account, and end its sessions",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return administering(t, func(ctx context.Context, _ config.Config, d *instance.Deployment) error {
				was, err := d.Acts().ResetSecondFactor(ctx, byCommand(), args[0])
				if err != nil {
					return memberError(err, args[0])
				}
				said := "%s has no second factor any more, and makes a new one at the next sign-in\n"
				if !was {
					said = "%s had no second factor\n"
				}
				_, err = fmt.Fprintf(t.out, said, args[0])
				return err
			})(cmd, args)
		},
	}
}

func adminRotateCommand(t terminal) *cobra.Command {
	var forget bool
	c := &cobra.Command{
		Use:   "rotate-keys [--forget]",
		Short: "Make a new key that signs sessions from now on",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return administering(t, func(ctx context.Context, cfg config.Config, d *instance.Deployment) error {
				if len(cfg.SessionKeys) > 0 {
					return errKeysSet
				}
				if err := d.Acts().RotateKeys(ctx, byCommand(), forget); err != nil {
					return err
				}
				said := "a new key signs sessions; those that older keys have signed stay valid for their time\n"
				if forget {
					said = "a new key signs sessions; everybody has to sign in again\n"
				}
				_, err := io.WriteString(t.out, said)
				return err
			})(cmd, args)
		},
	}
	c.Flags().BoolVar(&forget, "forget", false, "end every session")
	return c
}
