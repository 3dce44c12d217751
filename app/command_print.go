package app

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"flashsale/app/deploy"
	"flashsale/app/instance"
	"flashsale/app/web"
)

// Commands that print what is part of the program, and ask no server and no setting.

func versionCommand(t terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(t.out, "flashsale %s %s %s/%s\n", instance.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

func routesCommand(t terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "routes",
		Short: "Print every route and who may use it outside demo mode",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return web.PrintRoutes(t.out) },
	}
}

func unitCommand(t terminal) *cobra.Command {
	s := deploy.Service{Program: "/usr/local/bin/flashsale", Environment: "/etc/flashsale/flashsale.env"}
	var socket bool
	c := &cobra.Command{
		Use:   "unit",
		Short: "Print a systemd unit, or with --socket the socket that belongs to it",
		Long: "unit prints a systemd service: hardened, watched, and with a socket that systemd holds, so that a restart refuses nobody.\n\n" +
			"  flashsale unit > /etc/systemd/system/flashsale.service\n" +
			"  flashsale unit --socket > /etc/systemd/system/flashsale.socket\n" +
			"  systemctl daemon-reload && systemctl enable --now flashsale.socket flashsale.service",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if socket {
				return s.Socket(t.out)
			}
			return s.Unit(t.out)
		},
	}
	f := c.Flags()
	f.BoolVar(&socket, "socket", false, "print the socket unit")
	f.StringVar(&s.Program, "program", s.Program, "where the program is")
	f.StringVar(&s.Environment, "environment-file", s.Environment, "the file with the settings, one NAME=value a line")
	f.StringSliceVar(&s.Listen, "listen", []string{"127.0.0.1:3001"}, "with --socket: addresses and ports, like 127.0.0.1:3001; 3001 is that port of every address")
	return c
}

func manifestsCommand(t terminal) *cobra.Command {
	var cluster deploy.Cluster
	c := &cobra.Command{
		Use:   "manifests",
		Short: "Print manifests for Kubernetes",
		Long: "manifests prints what a cluster needs to run several processes of the product on configured servers.\n\n" +
			"  flashsale manifests --image registry.example/flashsale:1.0 --host shop.example --trusted-proxies 10.244.0.0/16 > flashsale.yaml",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return cluster.Manifests(t.out) },
	}
	f := c.Flags()
	f.StringVar(&cluster.Image, "image", "", "the image with its tag or digest (needed)")
	f.StringVar(&cluster.Host, "host", "", "the name of the shop that shoppers use (needed)")
	f.StringVar(&cluster.Proxies, "trusted-proxies", "", "networks of the ingress controller's pods, separated by commas (needed)")
	f.StringVar(&cluster.Namespace, "namespace", "flashsale", "the namespace of all objects")
	f.IntVar(&cluster.Replicas, "replicas", 3, "processes")
	f.StringVar(&cluster.IngressClass, "ingress-class", "nginx", "the class of the ingress")
	f.StringVar(&cluster.IngressNamespace, "ingress-namespace", "ingress-nginx", "where the ingress controller runs")
	f.StringVar(&cluster.MonitoringNamespace, "monitoring-namespace", "monitoring", "where Prometheus runs")
	f.StringVar(&cluster.TLSSecret, "tls-secret", "flashsale-tls", "the secret with the certificate of the ingress")
	f.IntSliceVar(&cluster.EgressPorts, "egress-ports", []int{5432, 6379, 9092, 587}, "ports of PostgreSQL, Redis, Kafka and the mail server")
	return c
}

func dashboardCommand(t terminal) *cobra.Command {
	var alerts bool
	c := &cobra.Command{
		Use:   "dashboard",
		Short: "Print a dashboard for Grafana, or with --alerts rules for Prometheus",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if alerts {
				return deploy.Alerts(t.out)
			}
			return deploy.Dashboard(t.out)
		},
	}
	c.Flags().BoolVar(&alerts, "alerts", false, "print alert rules; each says what to do")
	return c
}
