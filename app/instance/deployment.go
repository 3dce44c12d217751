package instance

import (
	"context"
	"log/slog"
	"sync"

	"flashsale/app/config"
	"flashsale/app/operator"
	"flashsale/users"
	"flashsale/users/login"
)

// Deployment is the connected domains of a deployment, in which nothing runs by itself. Commands work with it, beside running
// instances or without any.
type Deployment struct {
	wiring *wiring
	log    *slog.Logger
}

// Open connects to the servers of a deployment that exists, and prepares it as the start of an instance does: its schema is
// brought up to date. The caller closes the servers, also when Open fails.
func Open(ctx context.Context, cfg config.Config, s *Servers, log *slog.Logger) (*Deployment, error) {
	if err := s.OpenDatabase(ctx, cfg); err != nil {
		return nil, err
	}
	if err := s.SchemaExists(ctx, cfg); err != nil {
		return nil, err
	}
	if err := s.connect(ctx, cfg, log, nil); err != nil {
		return nil, err
	}
	d := &Deployment{newWiring(cfg, s, log, nil), log}
	if err := d.wiring.prepare(ctx); err != nil {
		d.wiring.close()
		return nil, err
	}
	return d, nil
}

// Acts are the operators' acts on the deployment.
func (d *Deployment) Acts() *operator.Acts { return d.wiring.acts }

// SignUp makes an account with a password, as somebody does who signs up. The errors are those of login.Passwords.
func (d *Deployment) SignUp(ctx context.Context, username, password string) (users.Account, error) {
	passwords := d.wiring.passwords
	ctx, end := context.WithCancel(ctx)
	var hashing sync.WaitGroup
	hashing.Go(func() { _ = passwords.Run(ctx) })
	defer hashing.Wait()
	defer end()
	return passwords.SignUp(ctx, login.SignUp{Username: username, Password: password})
}

// Close sends the messages that instances have not received yet, and ends what this process uses of the deployment. The
// connections stay open.
func (d *Deployment) Close(ctx context.Context) {
	if untold := d.wiring.bus.Flush(ctx); untold != nil {
		d.log.Debug("running instances were not told; they find out with their next read", "error", untold)
	}
	d.wiring.close()
}
