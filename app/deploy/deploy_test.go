package deploy

import (
	"strings"
	"testing"
)

func exampleCluster() Cluster {
	return Cluster{Image: "registry.example:5000/shop/flashsale:1.0", Host: "shop.example", Proxies: "10.244.0.0/16,fd00::/8", Namespace: "drops", Replicas: 3,
		IngressClass: "nginx", IngressNamespace: "ingress-nginx", MonitoringNamespace: "monitoring", TLSSecret: "shop-tls", EgressPorts: []int{5432, 6379}}
}

func TestWhatWasChosenIsInTheManifests(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := exampleCluster().Manifests(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"image: registry.example:5000/shop/flashsale:1.0\n", "https://shop.example", "10.244.0.0/16,fd00::/8", "namespace: drops\n", "replicas: 3\n",
		"secretName: shop-tls\n", "{port: 5432, protocol: TCP}", "{port: 6379, protocol: TCP}", "kubernetes.io/metadata.name: monitoring}",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("there is no %q", want)
		}
	}
	if strings.Contains(b.String(), "{{") || strings.Contains(b.String(), "<no value>") {
		t.Error("a template is left")
	}
}

// A wrong value is refused with its flag, and nothing is written: half a file must not be applied.
func TestWrongValuesAreRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Cluster){
		"--image is not set; it must be the image with its tag":      func(c *Cluster) { c.Image = "" },
		`--image is "flashsale"; it must be`:                         func(c *Cluster) { c.Image = "flashsale" },
		`--image is "a:1\nprivileged: true"`:                         func(c *Cluster) { c.Image = "a:1\nprivileged: true" },
		`--host is "https://shop.example"`:                           func(c *Cluster) { c.Host = "https://shop.example" },
		"--trusted-proxies is not set":                               func(c *Cluster) { c.Proxies = "" },
		`--trusted-proxies is "any"`:                                 func(c *Cluster) { c.Proxies = "any" },
		`--namespace is "Drops"; it must be lower-case letters`:      func(c *Cluster) { c.Namespace = "Drops" },
		`--tls-secret is "a}"`:                                       func(c *Cluster) { c.TLSSecret = "a}" },
		"--replicas is 0; it must be 1 to 100":                       func(c *Cluster) { c.Replicas = 0 },
		"--egress-ports has 70000; a port is 1 to 65535":             func(c *Cluster) { c.EgressPorts = []int{5432, 70000} },
		`--ingress-class is "-nginx"`:                                func(c *Cluster) { c.IngressClass = "-nginx" },
		`--monitoring-namespace is "mon.itoring"`:                    func(c *Cluster) { c.MonitoringNamespace = "mon.itoring" },
		`--ingress-namespace is "ingress nginx"; it must be lower-c`: func(c *Cluster) { c.IngressNamespace = "ingress nginx" },
	} {
		c, b := exampleCluster(), &strings.Builder{}
		change(&c)
		if err := c.Manifests(b); err == nil || !strings.HasPrefix(err.Error(), want) || b.Len() > 0 {
			t.Errorf("%s: %v, and %d bytes", want, err, b.Len())
		}
	}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	s := Service{Program: "/opt/shop/flashsale", Environment: "/etc/shop.env", Listen: []string{"127.0.0.1:80", "[::1]:80", "443"}}
	var unit, socket strings.Builder
	if err := s.Unit(&unit); err != nil {
		t.Fatal(err)
	}
	if err := s.Socket(&socket); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ExecStart=/opt/shop/flashsale serve\n", "EnvironmentFile=-/etc/shop.env\n", "Type=notify\n", "Requires=flashsale.socket\n"} {
		if !strings.Contains(unit.String(), want) {
			t.Errorf("the service has no %q", want)
		}
	}
	if want := "\nListenStream=127.0.0.1:80\nListenStream=[::1]:80\nListenStream=443\n"; !strings.Contains(socket.String(), want) {
		t.Errorf("the socket has no %q: %s", want, socket.String())
	}
	for want, wrong := range map[string]Service{
		`--program is "flashsale"; it must be an absolute path`: {Program: "flashsale", Environment: "/e"},
		`--program is "/a b"`:                              {Program: "/a b", Environment: "/e"},
		"--environment-file is not set":                    {Program: "/a"},
		`--listen is "localhost:80"; it must be a port or`: {Program: "/a", Environment: "/e", Listen: []string{"localhost:80"}},
	} {
		if err := wrong.Socket(&strings.Builder{}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
