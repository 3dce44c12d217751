package config

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestTracesAreOffWithoutACollector(t *testing.T) {
	t.Parallel()
	c, err := configOf(t, map[string]string{"OTEL_TRACES_SAMPLER": "always_on", "OTEL_SERVICE_NAME": "shop"})
	if err != nil || c.Traces != nil {
		t.Errorf("%+v %v", c.Traces, err)
	}
}

func TestTracesAreReadFromTheVariablesOfTheSpecification(t *testing.T) {
	t.Parallel()
	c, err := configOf(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"})
	if err != nil || c.Traces == nil || c.Traces.Endpoint != "http://localhost:4318/v1/traces" || c.Traces.Sampler != "parentbased_traceidratio" ||
		c.Traces.Ratio != 0.01 || c.Traces.Service != "flashsale" || len(c.Traces.Headers) != 0 {
		t.Errorf("%+v %v", c.Traces, err)
	}
	c, err = configOf(t, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "https://[::1]:4318/otlp/", "OTEL_EXPORTER_OTLP_HEADERS_FILE": fileOf(t, "api-key=a%20b%2C=, Authorization=Bearer%20x\n"),
		"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1", "OTEL_RESOURCE_ATTRIBUTES": "service.name=drops,team=%C3%A4",
		"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := c.Traces
	if got.Endpoint != "https://[::1]:4318/otlp/v1/traces" || !maps.Equal(got.Headers, map[string]string{"api-key": "a b,=", "Authorization": "Bearer x"}) ||
		got.Sampler != "traceidratio" || got.Ratio != 1 || got.Service != "drops" || got.Resource["team"] != "ä" {
		t.Errorf("%+v", got)
	}
}

// Each sentence names the variable and shows nothing of what may be a secret.
func TestAWrongVariableOfTracesStopsTheStart(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string][]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": {"localhost:4318", "http://", "grpc://h:4317", "http://u:hunter2@h:4318", "http://h:4318?key=hunter2", "http://h:0", "http://h:99999", "http://h#hunter2", "hunter2", "http://h:hunter2"},
		"OTEL_EXPORTER_OTLP_HEADERS":  {"hunter2", "=hunter2", "a b=hunter2", "api-key=%zzhunter2", "api-key=hunter2%0A", "api-key=hunter2\u00e4", "Content-Type=hunter2"},
		"OTEL_EXPORTER_OTLP_PROTOCOL": {"grpc", "http/json", "hunter2"},
		"OTEL_TRACES_SAMPLER":         {"xray", "parentbased", "always", "hunter2"},
		"OTEL_TRACES_SAMPLER_ARG":     {"1.1", "-0.1", "NaN", "1%", "hunter2", "+Inf"},
		"OTEL_RESOURCE_ATTRIBUTES":    {"hunter2", "=hunter2", "a=%0Ahunter2", "a=%zz"},
	} {
		for _, value := range wrong {
			_, err := configOf(t, map[string]string{name: value})
			if err == nil || !strings.HasPrefix(err.Error(), name+" is ") || strings.Contains(err.Error(), "hunter2") || strings.Count(err.Error(), "\n") > 0 {
				t.Errorf("%s=%s: %v", name, value, err)
			}
		}
	}
}

// Where traces are wanted, the variables of OpenTelemetry that mean nothing here are named. Elsewhere they are other programs' own.
func TestOtherVariablesOfOpenTelemetryAreNamed(t *testing.T) {
	t.Parallel()
	others := []string{"OTEL_BSP_MAX_QUEUE_SIZE=1", "OTEL_METRICS_EXPORTER=otlp", "OTEL_TRACES_SAMPLER=always_on", "OTEL_SERVICE_NAMES=x"}
	if said := unknownNames(slices.DeleteFunc(slices.Clone(others), func(v string) bool { return strings.HasPrefix(v, "OTEL_SERVICE") }), nil); len(said) != 0 {
		t.Errorf("%q", said)
	}
	said := strings.Join(unknownNames(append(others, "OTEL_EXPORTER_OTLP_ENDPOINT=http://h:4318"), nil), " ")
	if !strings.Contains(said, "OTEL_BSP_MAX_QUEUE_SIZE, OTEL_METRICS_EXPORTER, OTEL_SERVICE_NAMES (is OTEL_SERVICE_NAME meant?)") || strings.Contains(said, "SAMPLER") {
		t.Errorf("%q", said)
	}
}
