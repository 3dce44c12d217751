package app

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"flashsale/app/config"
	"flashsale/app/embedded/embeddedtest"
	"flashsale/app/instance/instancetest"
)

// badValues are what slips of hand and copying make of a value.
func badValues() []string {
	return []string{
		"x", "\"\"", "'5'", "\"true\"", "-1", "-0.5", "1e3", "0x1F", "NaN", "Inf", "99999999999999999999999", "5 units", "5;", "5,6", "５", "٣", "ја", "🙂",
		"a\tb", "a\u200bb", "a\u00a0b", "\u202eevil", "true true", "${PORT}", "$(id)", "../..", "%41", "<b>", strings.Repeat("9", 5000), "null", "undefined",
		"2026-01-01", "2026-01-01 10:00:00Z", "2026-01-01T10:00:00", "2026-01-01T10:00Z", "2026-01-01T1:00:00Z", "2026-01-01T24:00:00Z", "2026-02-30T10:00:00Z",
		"2026-01-01T10:00:60Z", "2026-01-01T10:00:00z", "2026-01-01t10:00:00Z", "2026-01-01T10:00:00,5Z", "2026-01-01T10:00:00+24:00", "2026-01-01T10:00:00+00:60",
		"2026-01-01T10:00:00+0100", "2026-01-01T10:00:00.Z", "1767261600", "26-01-01T10:00:00Z", "+002026-01-01T10:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
	}
}

// Each variable with each bad value is refused at once in one sentence that names it, or is a value that the variable has. The
// commands that would start something are not run: it is the reading of the settings that is looked at, by the hidden command that
// only asks an instance.
func TestEachBadValueIsOneSentence(t *testing.T) {
	clearSettings(t)
	t.Setenv("PORT", "1") // nothing answers there
	taken := map[string]int{}
	for _, name := range config.Variables() {
		for _, value := range badValues() {
			t.Setenv(name, value)
			code, out, errOut := command(t, "", "health")
			refused := strings.HasPrefix(errOut, "flashsale: "+name+" is ")
			if !refused {
				taken[name]++
			}
			oneLine := strings.Count(errOut, "\n") == 1 && !strings.ContainsFunc(strings.TrimSuffix(errOut, "\n"), unicode.IsControl) && len(errOut) < 600
			if code != 1 || out != "" || refused && !oneLine {
				t.Errorf("%s=%q: exit %d, %q %q", name, value, code, out, errOut)
			}
		}
		t.Setenv(name, "")
		t.Setenv("PORT", "1")
	}
	for _, name := range []string{"PORT", "MAX_STOCK", "FLASH_SALE_START_TIME", "FLASH_SALE_END_TIME", "DEMO", "KAFKA_TLS", "LOG_LEVEL", "LOG_FORMAT", "KAFKA_BROKERS",
		"KAFKA_SASL", "DATABASE_URL", "REDIS_URL", "OPS_ADDR", "DB_PORT", "DB_SSLMODE", "CORS_ORIGINS"} {
		if taken[name] > 0 {
			t.Errorf("%d bad values of %s are taken", taken[name], name)
		}
	}
}

// Where it cannot work, a start is refused at once with one sentence that says why.
func TestAStartThatCannotWorkSaysWhy(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, one := range map[string]struct {
		settings []string
		says     string
	}{
		"the end is a nanosecond after the start": {[]string{"FLASH_SALE_START_TIME=2026-01-01T10:00:00Z", "FLASH_SALE_END_TIME=2026-01-01T10:00:00.000000001Z"},
			"FLASH_SALE_END_TIME is 2026-01-01T10:00:00Z; it must be later than FLASH_SALE_START_TIME"},
		"the collector":                      {[]string{"GOGC=abc"}, "GOGC is not understood (it has 3 characters); it must be a percentage like 400, or off"},
		"the data directory is a file":       {[]string{"DATA_DIR=" + file, "OPS_ADDR=127.0.0.1:0", "PORT=" + unusedPort(t)}, "DATA_DIR cannot be used (open " + file + ": not a directory); set it to a directory that this user may write"},
		"the data directory is an address":   {[]string{"DATA_DIR=https://example.org/x"}, "DATA_DIR is not understood"},
		"no address of this machine":         {[]string{"HOST=192.0.2.1", "PORT=" + unusedPort(t)}, "cannot listen on 192.0.2.1:"},
		"an address of many machines":        {[]string{"HOST=224.0.0.1"}, "HOST is not understood"},
		"both listeners on one port":         {[]string{"PORT=3055", "OPS_ADDR=:3055"}, "OPS_ADDR is on the public port 3055; it must be on another port than PORT"},
		"a certificate that cannot be read":  {[]string{"DATABASE_URL=postgres://127.0.0.1:1/x?sslmode=verify-full&sslrootcert=" + file + ".none"}, "DATABASE_URL is not understood"},
		"an offset of a day":                 {[]string{"FLASH_SALE_START_TIME=2026-01-01T10:00:00+24:00"}, "FLASH_SALE_START_TIME is not understood (it has 25 characters); it must be a time like"},
		"a comma before the fraction":        {[]string{"FLASH_SALE_START_TIME=2026-01-01T10:00:00,5Z"}, "FLASH_SALE_START_TIME is not understood"},
		"a broker without a port, the third": {[]string{"KAFKA_BROKERS=a:1, b:2 ,c"}, "KAFKA_BROKERS is not understood (its item 3 has 1 characters); it must be host:port"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, printed := program(t, t.TempDir(), one.settings)
			if code != 1 || !strings.HasPrefix(printed, "flashsale: "+one.says) || strings.Count(printed, "\n") != 1 {
				t.Errorf("exit %d, want %q:\n%s", code, one.says, printed)
			}
		})
	}
}

func unusedPort(t *testing.T) string {
	t.Helper()
	port, err := embeddedtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(port)
}

// The start of the first sale is the database's time when it is not set; the end is compared there.
func TestAnEndInThePastIsNamed(t *testing.T) {
	t.Parallel()
	d := instancetest.Empty(t)
	code, printed := program(t, t.TempDir(), []string{"DATABASE_URL=" + d.Servers.DatabaseURL, "NAMESPACE=" + d.Config.Namespace,
		"FLASH_SALE_END_TIME=2020-01-01T00:00:00Z", "HOST=127.0.0.1", "PORT=" + unusedPort(t), "OPS_ADDR=127.0.0.1:0"})
	if want := "flashsale: FLASH_SALE_END_TIME is 2020-01-01T00:00:00Z; it must be later than the start of a new sale"; code != 1 || !strings.HasPrefix(lastLine(printed), want) {
		t.Errorf("exit %d, want %q:\n%s", code, want, printed)
	}
}

// A long .env is another file. It is refused at once; the line that is wrong in one that is not too long is found in one pass.
func TestALongEnvFileIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct{ text, says string }{
		"20,000 lines":              {strings.Repeat("SOME_NAME=value\n", 20_000), ".env is no file of settings: it has more than 128 KiB; correct or remove it"},
		"many short lines, one bad": {strings.Repeat("A=1\n", 30_000) + "bad line\n", ".env cannot be read: line 30001 is no NAME=value"},
		"a quote that never ends":   {strings.Repeat("A='\n", 30_001), ".env cannot be read: line 30001 "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, ".env"), []byte(one.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if code, printed := program(t, dir, nil, "doctor"); code != 1 || !strings.HasPrefix(printed, "flashsale: "+one.says) {
				t.Errorf("exit %d, want %q:\n%s", code, one.says, printed)
			}
		})
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".env"), 0o700); err != nil {
		t.Fatal(err)
	}
	if code, printed := program(t, dir, nil, "doctor"); code != 1 || printed != "flashsale: .env is no file; remove it\n" {
		t.Errorf("exit %d, %s", code, printed)
	}
}

// Names that look like ours and are not get one warning with the nearest name, in the environment and in .env; what other programs
// use gets none. In .env every name that means nothing is named, but not what may be a part of a broken value.
func TestMisspeltNamesGetOneWarning(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := "MAX_STOK=3\nSOMETHING_ELSE=1\n" + secret + ": x\nGOGC=50\nLOG_FORMAT=text\n"
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d := instancetest.Empty(t)
	_, printed := program(t, dir, []string{"MAX_STOCKS=5", "FLASH_SALE_START=2026-01-01T10:00:00Z", "DB_PASS=x", "PORTAL=1", "HOSTNAME=x", "REDIS_HOST=x", "KAFKA_HOME=/x", "LOGNAME=x",
		"DATABASE_URL=" + d.Servers.DatabaseURL, "NAMESPACE=" + d.Config.Namespace, "REDIS_URL=redis://127.0.0.1:1/1", "FLASH_SALE_END_TIME=2020-01-01T00:00:00Z",
		"FLASH_SALE_START_TIME=2019-01-01T00:00:00Z", "HOST=127.0.0.1", "PORT=" + unusedPort(t), "OPS_ADDR=127.0.0.1:0"})
	want := "these names mean nothing here and are ignored: 1 in .env that are no names of variables, DB_PASS (is DB_PASSWORD meant?), " +
		"FLASH_SALE_START (is FLASH_SALE_START_TIME meant?), MAX_STOCKS (is MAX_STOCK meant?), MAX_STOK (is MAX_STOCK meant?), SOMETHING_ELSE (in .env)"
	if strings.Count(printed, "mean nothing here") != 1 || !strings.Contains(printed, want+"\"") || !strings.Contains(printed, "GOGC in .env is ignored") || strings.Contains(printed, secret) {
		t.Errorf("want %q:\n%s", want, printed)
	}
}

// Where HOST names an address, the address in the banner can be used, in demo mode too, and the banner says who can.
func TestTheAddressInTheBannerCanBeUsed(t *testing.T) {
	t.Parallel()
	for host, who := range map[string]string{"127.0.0.1": "everybody on this machine may", "127.0.0.2": "everybody on this machine may", "0.0.0.0": "everybody whose machine can connect to this one may"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			if l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", host+":0"); err != nil {
				t.Skip("this machine has no such address")
			} else if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			d := instancetest.New(t)
			d.Config.Hosts = []string{host}
			a := start(t, d)
			c := instancetest.NewClient(t, a.URL())
			if r := c.Status(); r.Status != http.StatusOK {
				t.Errorf("%s answers %d %s", a.URL(), r.Status, r.Raw)
			}
			var said bytes.Buffer
			banner(&said, a, d.Config)
			if !strings.Contains(said.String(), "Application is running on: "+a.URL()+"\n") || !strings.Contains(said.String(), "Demo mode: "+who) {
				t.Errorf("the banner says %s", said.String())
			}
		})
	}
}

// A time is strict wherever one is given: in a variable, in a flag, in a request.
func TestTimesAreStrictEverywhere(t *testing.T) {
	t.Parallel()
	a := start(t, instancetest.New(t))
	c := instancetest.NewClient(t, a.URL())
	day := time.Now().UTC().Add(72 * time.Hour).Format("2006-01-02")
	for text, taken := range map[string]bool{
		day + "T10:00:00Z": true, day + "T10:00:00.123456Z": true, day + "T10:00:00+23:59": true, day + "T10:00:00.5-00:30": true,
		day + "T10:00:00,5Z": false, day + "T10:00:00+24:00": false, day + "T10:00:00+23:60": false, day + "T1:00:00Z": false, day + " 10:00:00Z": false,
		day + "T10:00:00": false, day + "T10:00Z": false, day + "t10:00:00Z": false, day + "T10:00:00z": false, day + "T10:00:60Z": false,
		day + "T10:00:00+0100": false, day + "T10:00:00.Z": false, " " + day + "T10:00:00Z": false, day + "T24:00:00Z": false,
	} {
		_, variable := config.From(func(name string) (string, bool) { return text, name == "FLASH_SALE_START_TIME" })
		if trimmed := strings.TrimSpace(text) != text; (variable == nil) != taken && !trimmed {
			t.Errorf("FLASH_SALE_START_TIME=%s: %v", text, variable)
		}
		if _, err := flagTime("--end", text); (err == nil) != taken {
			t.Errorf("--end %s: %v", text, err)
		}
		r := c.Act(http.MethodPatch, "/api/admin/sales/flash-sale", map[string]any{"endTime": text}, "If-Match: *")
		if taken && r.Status != http.StatusOK || !taken && (r.Status != http.StatusUnprocessableEntity || !strings.Contains(r.Raw, `"field":"endTime"`)) {
			t.Errorf("PATCH endTime %s: %d %s", text, r.Status, r.Raw)
		}
	}
}

// The doctor shows what is stored beside what is given, and the command that makes them the same.
func TestTheDoctorComparesSettings(t *testing.T) {
	t.Parallel()
	d := instancetest.New(t)
	settings := []string{"DATABASE_URL=" + d.Servers.DatabaseURL, "REDIS_URL=" + d.Servers.RedisURL, "KAFKA_BROKERS=" + strings.Join(d.Servers.KafkaBrokers, ","),
		"NAMESPACE=" + d.Config.Namespace}
	d.Config.EndTime = time.Now().UTC().Add(time.Hour).Truncate(time.Second)
	start(t, d)
	end := d.Config.EndTime.Format(time.RFC3339)
	code, printed := program(t, t.TempDir(), append(settings, "MAX_STOCK=9", "FLASH_SALE_END_TIME="+end), "doctor")
	for _, words := range []string{
		"ok       setting     MAX_STOCK: stored 5, given 9; what is stored counts\n",
		"setting     FLASH_SALE_END_TIME: stored " + end + ", given " + end + "\n",
		", given nothing\n",
		"to change the sale flash-sale: flashsale sale set --slug flash-sale --stock 9\n",
	} {
		if code != 0 || !strings.Contains(printed, words) {
			t.Errorf("exit %d, it lacks %q:\n%s", code, words, printed)
		}
	}
	if _, printed = program(t, t.TempDir(), append(settings, "MAX_STOCK=5"), "doctor"); strings.Contains(printed, "to change") || strings.Contains(printed, "what is stored counts") {
		t.Errorf("what is the same differs:\n%s", printed)
	}
}
