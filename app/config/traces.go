package config

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Traces say where the traces of purchases go. The variables have the names and meanings of the OpenTelemetry specification.
type Traces struct {
	// Endpoint is the address of the collector that takes traces, as https://collector.example:4318/v1/traces.
	Endpoint string
	// Headers go with every request to the collector. They may hold a token: nobody logs them.
	Headers map[string]string
	// Sampler is one of the samplers of the specification. Ratio is for those that have one, from 0 to 1.
	Sampler string
	Ratio   float64
	// Service is the name of the service. Resource are further attributes of whatever sends the spans.
	Service  string
	Resource map[string]string
}

const (
	otlpEndpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
	otlpHeaders  = "OTEL_EXPORTER_OTLP_HEADERS"
	// otelPrefix begins the variables of OpenTelemetry.
	otelPrefix = "OTEL_"
)

// sampledRatio is the part of the purchases that is traced when nothing says how many.
const sampledRatio = 0.01

// traces reads all variables also while there is no endpoint: a wrong one is told before it matters.
func (c *Config) traces(r *reader) {
	endpoint := r.checked(otlpEndpoint, "", "an address like http://localhost:4318, without a user, a password and a query; /v1/traces is added to it", validCollector)
	r.checked("OTEL_EXPORTER_OTLP_PROTOCOL", "", "http/protobuf, the only protocol in which traces are sent (port 4318 as a rule)", oneOf("http/protobuf"))
	t := &Traces{
		Endpoint: strings.TrimSuffix(endpoint, "/") + "/v1/traces",
		Headers:  r.pairs(otlpHeaders, "fields like api-key=secret, separated by commas; a space, a comma or a % in a value is written %20, %2C or %25", validHeader),
		Sampler: r.checked("OTEL_TRACES_SAMPLER", "parentbased_traceidratio",
			"always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off or parentbased_traceidratio",
			oneOf("always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio")),
		Ratio:    r.ratio("OTEL_TRACES_SAMPLER_ARG", sampledRatio),
		Resource: r.pairs("OTEL_RESOURCE_ATTRIBUTES", "attributes like deployment.environment.name=production,team=shop", validAttribute),
	}
	t.Service = r.text("OTEL_SERVICE_NAME", t.Resource["service.name"])
	if t.Service == "" {
		t.Service = "flashsale"
	}
	if endpoint != "" {
		c.Traces = t
	}
}

// validCollector is true for the address of a collector. What a user and a password would say belongs into the headers, and
// a query would be lost.
func validCollector(v string) bool {
	u, err := url.Parse(v)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == "" &&
		u.Hostname() != "" && !strings.ContainsAny(v, "@#?") && validPort(u.Port())
}

// validPort is true for the port of an address, which may have none.
func validPort(port string) bool {
	n, err := strconv.Atoi(port)
	return port == "" || err == nil && n > 0 && n < 65536
}

// ratio is a number from 0 to 1.
func (r *reader) ratio(name string, fallback float64) float64 {
	v, ok := r.value(name)
	if !ok {
		return fallback
	}
	const want = "a number from 0 to 1, like 0.01 for one purchase of a hundred"
	n, err := strconv.ParseFloat(v, 64)
	switch {
	case err != nil:
		r.fail(name, v, want)
	case !(n >= 0 && n <= 1): // not a number is neither
		r.refuse(name, strconv.FormatFloat(n, 'g', -1, 64), want)
	}
	return n
}

// pairs reads name=value pairs, separated by commas. Values are escaped as in addresses.
func (r *reader) pairs(name, want string, valid func(key, value string) bool) map[string]string {
	all := make(map[string]string)
	for i, item := range r.list(name) {
		key, escaped, found := strings.Cut(item, "=")
		key = strings.TrimSpace(key)
		value, err := url.PathUnescape(strings.TrimSpace(escaped))
		if !found || err != nil || !valid(key, value) {
			r.keep(&VariableError{Name: name, Item: i + 1, Length: len([]rune(item)), Want: want})
			continue
		}
		all[key] = value
	}
	return all
}

// validHeader is true for a field that a request can have.
func validHeader(key, value string) bool {
	return key != "" && !strings.ContainsFunc(key, notToken) && !strings.ContainsFunc(value, notPrintable) && !ownHeader(key)
}

// ownHeader are the fields that the request sets by itself.
func ownHeader(key string) bool {
	switch http.CanonicalHeaderKey(key) {
	case "Content-Length", "Content-Encoding", "Content-Type", "Host", "Transfer-Encoding", "Connection":
		return true
	}
	return false
}

func validAttribute(key, value string) bool {
	return key != "" && !strings.ContainsFunc(key, notPrintable) && !strings.ContainsFunc(value, isControl)
}

func isControl(c rune) bool { return c < ' ' || c == 0x7f || c == 0xfffd }

func notPrintable(c rune) bool { return c < ' ' || c > '~' }

func notToken(c rune) bool {
	return c <= ' ' || c > '~' || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", c)
}
