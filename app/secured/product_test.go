//go:build linux

package secured

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// secret is part of every wrong password, and must not be in anything that is printed.
const secret = "do-not-print-me"

// instance is one process of the product.
type instance struct {
	env  []string
	url  string
	ops  string
	cmd  *exec.Cmd
	exit chan error
	log  output
}

// command is the product with these settings only.
func command(ctx context.Context, t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	_ = folder(t, "program")
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "DEMO=true", "HOST=127.0.0.1"}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// printed is what a command of the product printed, and its exit code.
func printed(t *testing.T, env []string, args ...string) (code int, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := command(ctx, t, env, args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		code = exit.ExitCode()
	}
	return code, string(out)
}

// serve starts the product and returns when it says that it is ready.
func serve(t *testing.T, env ...string) *instance {
	t.Helper()
	port, ops := freePort(t), freePort(t)
	i := &instance{env: env, url: "http://" + local(port), ops: "http://" + local(ops), exit: make(chan error, 1)}
	i.cmd = command(context.Background(), t, append([]string{"PORT=" + strconv.Itoa(port), "OPS_ADDR=" + local(ops), "LOG_LEVEL=info"}, env...), "serve")
	i.cmd.Stderr = &i.log
	out, err := i.cmd.StdoutPipe()
	if err == nil {
		err = i.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "Application is running on:") {
				close(ready)
				break
			}
		}
		_, _ = io.Copy(io.Discard, out)
		i.exit <- i.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = i.cmd.Process.Kill()
		i.exit <- <-i.exit
		if t.Failed() {
			t.Logf("the product said:\n%.20000s", i.log.String())
		}
	})
	select {
	case <-ready:
	case err := <-i.exit:
		i.exit <- err
		t.Fatalf("the product ended at its start: %v\n%s", err, &i.log)
	case <-time.After(time.Minute):
		t.Fatalf("the product is not ready\n%s", &i.log)
	}
	return i
}

// stop ends the product in order.
func (i *instance) stop(t *testing.T) {
	t.Helper()
	_ = i.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-i.exit:
		i.exit <- err
		if err != nil {
			t.Errorf("the product ended with %v\n%s", err, &i.log)
		}
	case <-time.After(30 * time.Second):
		t.Errorf("the product does not end\n%s", &i.log)
	}
}

// metric sums the values of a metric whose labels may be given in part.
func (i *instance) metric(t *testing.T, name string) (sum float64) {
	t.Helper()
	code, text := fetched(t, i.ops+"/metrics")
	if code != http.StatusOK {
		t.Fatalf("metrics: %d %s", code, text)
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, name) {
			continue
		}
		if v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64); err == nil {
			sum += v
		}
	}
	return sum
}

// askedBy is the client of the tests: no answer of the product takes longer than that.
var askedBy = &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

func fetched(t *testing.T, url string) (code int, text string) {
	t.Helper()
	return sent(t, http.MethodGet, url, "")
}

// sent asks with fields in pairs of a name and a value.
func sent(t *testing.T, method, url, body string, fields ...string) (code int, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	answer, err := askedBy.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(raw)
}

// onlyShoppers are the checks that no process can make.
var onlyShoppers = regexp.MustCompile(`unknown +I[36] .*`)

// verified fails the test when `flashsale verify` finds something broken, or could not look at something. What is under way after
// a fault, such as places that are given back, may take a moment.
func verified(t *testing.T, env []string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Second) {
		code, text := printed(t, env, "verify")
		if code == 0 && !strings.Contains(onlyShoppers.ReplaceAllString(text, ""), "unknown") {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("verify: exit %d\n%s", code, text)
			return
		}
	}
}

// refusal is settings with which no start works: what its one sentence says, and what the doctor says of that server.
type refusal struct {
	name     string
	env      []string
	sentence string
	doctor   string // "": as the sentence
}

// refusedAll looks at several of them at once: most of the time is waiting.
func refusedAll(t *testing.T, all ...refusal) {
	t.Helper()
	t.Run("refused", func(t *testing.T) {
		for _, one := range all {
			t.Run(one.name, func(t *testing.T) {
				t.Parallel()
				refused(t, one.env, one.sentence, cmp.Or(one.doctor, one.sentence))
			})
		}
	})
}

// refused fails the test unless a start ends with one sentence, in which the words are, and the doctor says the same of its server.
// No printed text has the password in it.
func refused(t *testing.T, env []string, sentence, doctor string) {
	t.Helper()
	began := time.Now()
	code, text := printed(t, append([]string{"PORT=" + strconv.Itoa(freePort(t)), "OPS_ADDR=127.0.0.1:0"}, env...), "serve")
	last := text[strings.LastIndexByte(strings.TrimSpace(text), '\n')+1:]
	if code != 1 || !strings.HasPrefix(last, "flashsale: ") || !strings.Contains(last, sentence) || strings.Contains(text, secret) {
		t.Errorf("serve: exit %d after %v, want a last line with %q:\n%s", code, time.Since(began), sentence, text)
	} else {
		t.Logf("after %s: %s", milliseconds(time.Since(began)), strings.TrimSpace(last))
	}
	code, text = printed(t, env, "doctor")
	if code != 1 || !strings.Contains(text, doctor) || strings.Contains(text, secret) {
		t.Errorf("doctor: exit %d, want %q:\n%s", code, doctor, text)
	}
}

func setting(name string, value any) string { return fmt.Sprintf("%s=%v", name, value) }
