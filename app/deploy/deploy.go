// Package deploy has the files that others run the product with: a systemd unit with its socket, manifests for Kubernetes, a
// dashboard for Grafana and alert rules for Prometheus. They are part of the program, so they fit the version that prints them,
// and tests compare what they name (paths, ports, settings, metrics) with what the program has.
//
// It knows nothing of the product, and only writes text.
package deploy

import (
	"embed"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/template"
)

//go:embed files
var files embed.FS

// Service is how a systemd service is set up. Every field is needed.
type Service struct {
	Program     string   // absolute path of the program
	Environment string   // absolute path of the file with the settings
	Listen      []string // a port each, or an address with one
}

// Unit writes the service.
func (s Service) Unit(w io.Writer) error { return s.write(w, "flashsale.service") }

// Socket writes the socket unit that belongs to it.
func (s Service) Socket(w io.Writer) error { return s.write(w, "flashsale.socket") }

var (
	absolutePath = regexp.MustCompile(`^/[A-Za-z0-9._/+-]+$`)
	listenStream = regexp.MustCompile(`^((\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]):)?\d{1,5}$`)
)

func (s Service) write(w io.Writer, file string) error {
	checks := []check{
		{"--program", s.Program, absolutePath, "an absolute path without spaces, like /usr/local/bin/flashsale"},
		{"--environment-file", s.Environment, absolutePath, "an absolute path without spaces, like /etc/flashsale/flashsale.env"},
	}
	for _, at := range s.Listen {
		checks = append(checks, check{"--listen", at, listenStream, "a port or an address with one, like 3001 or 127.0.0.1:3001"})
	}
	return write(w, file, s, checks)
}

// Cluster is how the product is set up in Kubernetes. Every field is needed.
type Cluster struct {
	Image     string // with its tag or digest
	Host      string // of the shop's address
	Proxies   string // networks of the ingress controller's pods, separated by commas
	Namespace string
	Replicas  int

	IngressClass, IngressNamespace, MonitoringNamespace, TLSSecret string
	// EgressPorts are where the servers are reached.
	EgressPorts []int
}

var (
	imageName = regexp.MustCompile(`^[a-z0-9][a-z0-9._:/-]*(:[A-Za-z0-9._-]+|@sha256:[0-9a-f]{64})$`)
	hostName  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$`)
	networks  = regexp.MustCompile(`^[0-9a-fA-F.:]+(/\d{1,3})?(,[0-9a-fA-F.:]+(/\d{1,3})?)*$`)
	label     = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

// Manifests writes the objects, one document each.
func (c Cluster) Manifests(w io.Writer) error {
	const name = "lower-case letters, digits and -"
	if c.Replicas < 1 || c.Replicas > 100 {
		return fmt.Errorf("--replicas is %d; it must be 1 to 100", c.Replicas)
	}
	for _, port := range c.EgressPorts {
		if port < 1 || port > 65535 {
			return fmt.Errorf("--egress-ports has %d; a port is 1 to 65535", port)
		}
	}
	return write(w, "manifests.yaml", c, []check{
		{"--image", c.Image, imageName, "the image with its tag or digest, like registry.example/flashsale:1.0"},
		{"--host", c.Host, hostName, "the name of the shop that shoppers use, like shop.example"},
		{"--trusted-proxies", c.Proxies, networks, "the networks of the ingress controller's pods, like 10.244.0.0/16"},
		{"--namespace", c.Namespace, label, name},
		{"--ingress-class", c.IngressClass, label, name},
		{"--ingress-namespace", c.IngressNamespace, label, name},
		{"--monitoring-namespace", c.MonitoringNamespace, label, name},
		{"--tls-secret", c.TLSSecret, label, name},
	})
}

// Dashboard writes a dashboard that Grafana imports.
func Dashboard(w io.Writer) error { return verbatim(w, "dashboard.json") }

// Alerts writes rules that Prometheus loads. Each says in its annotation "action" what to do.
func Alerts(w io.Writer) error { return verbatim(w, "alerts.yaml") }

// check is one value that becomes part of a file: nothing in it may end the line or the text that it stands in.
type check struct {
	flag, value string
	form        *regexp.Regexp
	want        string
}

func write(w io.Writer, file string, values any, checks []check) error {
	for _, c := range checks {
		switch {
		case c.value == "":
			return fmt.Errorf("%s is not set; it must be %s", c.flag, c.want)
		case !c.form.MatchString(c.value):
			return fmt.Errorf("%s is %q; it must be %s", c.flag, c.value, c.want)
		}
	}
	text, err := template.New(file).ParseFS(files, "files/"+file)
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	var b strings.Builder
	if err := text.Execute(&b, values); err != nil {
		return fmt.Errorf("fill in %s: %w", file, err)
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// verbatim writes a file whose braces are not ours.
func verbatim(w io.Writer, file string) error {
	text, err := files.ReadFile("files/" + file)
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	_, err = w.Write(text)
	return err
}
