// Compose checks compose.yaml without an engine: the specification's own loader must accept it with every profile, and the
// services must be as the README promises.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "--dockerfile" {
		p, err := load(context.Background(), os.Args[2], "app")
		if err != nil {
			fmt.Fprintln(os.Stderr, "compose.yaml:", err)
			os.Exit(1)
		}
		fmt.Print(p.Services["app"].Build.DockerfileInline)
		return
	}
	if err := check(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "compose.yaml:", err)
		os.Exit(1)
	}
	fmt.Println("compose.yaml: loads with each profile; ports, credentials, images, health checks and hardening as promised")
}

func check(ctx context.Context, file string) error {
	base, err := load(ctx, file)
	if err != nil {
		return err
	}
	if got := base.ServiceNames(); !slices.Equal(got, []string{"kafka", "postgres", "redis"}) {
		return fmt.Errorf("plain up starts %v, not the infrastructure alone", got)
	}
	all, err := load(ctx, file, "app", "tools")
	if err != nil {
		return err
	}
	var errs []error
	want := map[string]string{"postgres": "5432:5432", "redis": "6379:6379", "kafka": "29092:29092", "app": "3001-3010:3001", "console": "8080:8080"}
	for name, s := range all.Services {
		errs = append(errs, ports(s, want[name]), image(s))
		if s.HealthCheck == nil && name != "console" { // nothing waits for the console
			errs = append(errs, fmt.Errorf("%s has no health check", name))
		}
		delete(want, name)
	}
	if len(want) > 0 {
		errs = append(errs, fmt.Errorf("missing services: %v", want))
	}
	return errors.Join(append(errs, credentials(all), durable(all), hardened(all.Services["app"]), built(all.Services["app"]))...)
}

func load(ctx context.Context, file string, profiles ...string) (*types.Project, error) {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithWorkingDirectory(filepath.Dir(file)), cli.WithProfiles(profiles))
	if err != nil {
		return nil, err
	}
	return options.LoadProject(ctx)
}

// ports checks that there is one mapping, and that only this machine can reach it.
func ports(s types.ServiceConfig, want string) error {
	if len(s.Ports) != 1 {
		return fmt.Errorf("%s publishes %d ports", s.Name, len(s.Ports))
	}
	p := s.Ports[0]
	if got := p.Published + ":" + strconv.Itoa(int(p.Target)); p.HostIP != "127.0.0.1" || got != want {
		return fmt.Errorf("%s publishes %s:%s, not 127.0.0.1:%s", s.Name, p.HostIP, got, want)
	}
	return nil
}

func image(s types.ServiceConfig) error {
	if _, tag, ok := strings.Cut(s.Image, ":"); !ok || tag == "latest" {
		return fmt.Errorf("%s: image %q is not pinned", s.Name, s.Image)
	}
	return nil
}

func credentials(p *types.Project) error {
	e := p.Services["postgres"].Environment
	for name, want := range map[string]string{"POSTGRES_USER": "postgres", "POSTGRES_PASSWORD": "postgres123", "POSTGRES_DB": "flash_sale"} {
		if e[name] == nil || *e[name] != want {
			return fmt.Errorf("postgres: %s is not %q", name, want)
		}
	}
	return nil
}

// durable checks that no server acknowledges a write before it is on disk, and that each has a volume.
func durable(p *types.Project) error {
	for _, name := range []string{"postgres", "redis", "kafka"} {
		if len(p.Services[name].Volumes) != 1 || p.Services[name].Volumes[0].Type != types.VolumeTypeVolume {
			return fmt.Errorf("%s has no named volume", name)
		}
	}
	command := strings.Join(p.Services["kafka"].Command, " ")
	if strings.Contains(command, "dev-container") || !strings.Contains(command, "--unsafe-bypass-fsync=false") {
		return errors.New("kafka may acknowledge before fsync")
	}
	if !strings.Contains(p.Configs["redpanda-bootstrap"].Content, `write_caching_default: "false"`) {
		return errors.New("kafka may acknowledge from its write cache")
	}
	if strings.Contains(strings.Join(p.Services["postgres"].Command, " "), "fsync") {
		return errors.New("postgres: its command must not set fsync")
	}
	return nil
}

func hardened(s types.ServiceConfig) error {
	switch {
	case s.User == "" || strings.HasPrefix(s.User, "0"):
		return errors.New("app runs as root")
	case !s.ReadOnly:
		return errors.New("app's root file system is writable")
	case len(s.Tmpfs) != 1:
		return errors.New("app has no tmpfs for its temporary files")
	case !slices.Contains(s.CapDrop, "ALL"):
		return errors.New("app keeps capabilities")
	case !slices.Contains(s.SecurityOpt, "no-new-privileges:true"):
		return errors.New("app may gain privileges")
	case s.ContainerName != "":
		return errors.New("app cannot be scaled: it has a container name")
	case s.StopGracePeriod == nil:
		return errors.New("app has no time to finish what is in flight")
	}
	for _, server := range []string{"postgres", "redis", "kafka"} {
		if s.DependsOn[server].Condition != types.ServiceConditionHealthy {
			return fmt.Errorf("app does not wait for %s", server)
		}
	}
	return nil
}

// built checks that the last stage is the small image and runs the binary, and that the build is static.
func built(s types.ServiceConfig) error {
	if s.Build == nil || s.Build.DockerfileInline == "" {
		return errors.New("app is not built by dockerfile_inline")
	}
	_, last, _ := strings.Cut(s.Build.DockerfileInline, "\nFROM ")
	for text, part := range map[string]string{
		"FROM golang:1.26 AS build":         s.Build.DockerfileInline,
		"CGO_ENABLED=0":                     s.Build.DockerfileInline,
		"gcr.io/distroless/static:nonroot":  last,
		"COPY --from=build /out/flashsale ": last,
		`ENTRYPOINT ["/flashsale"]`:         last,
	} {
		if !strings.Contains(part, text) {
			return fmt.Errorf("app: the inline Dockerfile has no %q where it belongs", text)
		}
	}
	return nil
}
