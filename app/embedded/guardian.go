package embedded

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// guardian is this process's end of the guardian. Its standard input stays open for as long as the server is wanted.
type guardian struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	// reports is closed when the guardian has ended, which it does only after its server has.
	reports chan report
	ended   chan struct{}
}

// startGuardian starts the guardian with o. What it and the server print goes to log.
func startGuardian(o order, log *os.File) (*guardian, error) {
	program, err := self()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	cmd := exec.Command(program) //nolint:noctx // it ends when its standard input does, after its server
	cmd.Args = []string{"flashsale-postgres-guardian", o.Data}
	cmd.Env = append(os.Environ(), guardVariable+"=1")
	cmd.Stderr = log
	cmd.SysProcAttr = detached()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the guardian: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the guardian: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the guardian: %w", err)
	}
	g := &guardian{cmd: cmd, stdin: stdin, reports: make(chan report, 16), ended: make(chan struct{})}
	go g.listen(stdout)
	if err := json.NewEncoder(stdin).Encode(o); err != nil {
		return nil, fmt.Errorf("send the guardian its order: %w", g.stop(context.Background()))
	}
	return g, nil
}

// listen passes the guardian's reports on until it ends. Nobody has to read them: the oldest are kept.
func (g *guardian) listen(stdout io.Reader) {
	defer close(g.reports)
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		var r report
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			continue
		}
		select {
		case g.reports <- r:
		default:
		}
	}
	_ = g.cmd.Wait()
	close(g.ended)
}

// stop has the server stopped and waits for it, until ctx ends; then both are killed.
func (g *guardian) stop(ctx context.Context) error {
	_ = g.stdin.Close()
	select {
	case <-g.ended:
		return nil
	case <-ctx.Done():
		_ = g.cmd.Process.Kill()
		return fmt.Errorf("PostgreSQL has not stopped in time; it recovers at the next start: %w", ctx.Err())
	}
}
