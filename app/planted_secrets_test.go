package app

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pquerna/otp/totp"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/app/instance/instancetest"
)

// planted are the secrets of one test, and where they must not be.
type planted struct {
	t      *testing.T
	values map[string]string
	// refused is every answer that was an error.
	refused strings.Builder
}

func (p *planted) plant(name, value string) string {
	p.t.Helper()
	if value == "" {
		p.t.Fatalf("there is no %s", name)
	}
	p.values[name] = value
	return value
}

// absent fails the test for each secret in the text, as it is or as PostgreSQL shows bytes. Six digits may be part of a number.
func (p *planted) absent(where, text string) {
	p.t.Helper()
	if text == "" {
		p.t.Errorf("%s is empty", where)
	}
	for name, value := range p.values {
		found := strings.Contains(text, value) || strings.Contains(text, hex.EncodeToString([]byte(value)))
		if len(value) == 6 {
			found = regexp.MustCompile(`(^|[^\w.])` + value + `($|[^\w.])`).MatchString(text)
		}
		if found {
			at := max(0, strings.Index(text, value))
			p.t.Errorf("%s has the %s: %.300q", where, name, text[max(0, at-100):])
		}
	}
}

// browser keeps cookies, and notes what is refused.
type browser struct {
	*instancetest.Client
	*planted
}

func (p *planted) browser(base string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	b := &browser{instancetest.NewClient(p.t, base), p}
	b.HTTP.Jar = jar
	return b
}

// asks sends a request as a program does, and one that is refused again as a browser does, for the page of the error.
func (b *browser) asks(method, path string, body map[string]any, fields ...string) instancetest.Reply {
	b.T.Helper()
	r := b.Act(method, path, body, fields...)
	if r.Status >= 400 {
		page := b.Act(method, path, body, append(fields, "Accept: text/html")...)
		_, _ = fmt.Fprintln(&b.refused, r.Status, r.Header, r.Raw, page.Header, page.Raw)
	}
	return r
}

// cookie is what the browser keeps under one of these names.
func (b *browser) cookie(names ...string) (value string) {
	at, err := url.Parse(b.Base)
	if err != nil {
		b.T.Fatal(err)
	}
	for _, c := range b.HTTP.Jar.Cookies(at) {
		for _, name := range names {
			if c.Name == name {
				value = c.Value
			}
		}
	}
	return value
}

// plantedRole is the address of the tests' database for a role whose password is planted.
func (p *planted) plantedRole() string {
	address := embeddedtest.DatabaseURL(p.t)
	role := "planted_" + strings.ToLower(rand.Text()[:10])
	do := func(ctx context.Context, statements ...string) {
		conn, err := pgx.Connect(ctx, address)
		if err != nil {
			p.t.Fatal(err)
		}
		defer func() { _ = conn.Close(ctx) }()
		for _, one := range statements {
			if _, err := conn.Exec(ctx, one); err != nil {
				p.t.Fatal(err)
			}
		}
	}
	password := p.plant("password of the database", "db-"+rand.Text())
	do(p.t.Context(), fmt.Sprintf("CREATE ROLE %s LOGIN SUPERUSER PASSWORD '%s'", role, password))
	p.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		do(ctx, "DROP OWNED BY "+role+" CASCADE", "DROP ROLE "+role)
	})
	at, err := url.Parse(address)
	if err != nil {
		p.t.Fatal(err)
	}
	at.User = url.UserPassword(role, password)
	return at.String()
}

// Nothing that a process writes has a secret in it: of its settings, of its mail server that is away, of people who sign in and fail,
// of programs. Nor has the database anything that signs in.
func TestPlantedSecretsAppearNowhere(t *testing.T) {
	t.Parallel()
	p := &planted{t: t, values: map[string]string{}}
	schema, database := embeddedtest.Namespace(t), p.plantedRole()
	opsToken := p.plant("token of the operators' listener", "ops-"+rand.Text())
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	here := newPlace(t, "NAMESPACE="+schema, "DATABASE_URL="+database, "DEMO=false", "MAIL_DEV=true", "MAIL_FROM=shop@example.com",
		"SESSION_KEYS="+p.plant("session key", base64.StdEncoding.EncodeToString(key)), "OPS_TOKEN="+opsToken,
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_TRACES_SAMPLER=always_on", "OTEL_EXPORTER_OTLP_HEADERS=api-key="+p.plant("token of the collector", "otlp-"+rand.Text()),
		"SMTP_URL=smtp://shop:"+p.plant("password of the mail server", "smtp-"+rand.Text())+"@127.0.0.1:1", "LOG_LEVEL=debug", "LOG_FORMAT=json")
	p.plant("session key's bytes", string(key))
	s := here.serve(t)

	p.ownerActs(here, s)
	p.shopperActs(s)

	metrics := instancetest.NewClient(t, s.ops).Act(http.MethodGet, "/metrics", nil, "Authorization: Bearer "+opsToken)
	if !strings.Contains(metrics.Raw, "flashsale_limited_total") {
		t.Errorf("the metrics: %d %.200s", metrics.Status, metrics.Raw)
	}
	p.absent("the metrics", metrics.Raw)
	run, err := os.ReadFile(filepath.Join(here.dir, ".flashsale", "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	p.absent("the run file", string(run))
	p.absent("an error", p.refused.String())
	p.absent("the database", tablesOf(t, database, schema))
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = s.end(t)
	if !strings.Contains(s.said.String(), `"level":"DEBUG"`) || !strings.Contains(s.said.String(), "mail") {
		t.Errorf("the log has not all levels, or no word of the mail server that is away")
	}
	p.absent("the log", s.said.String())
}

// ownerActs makes the first owner, with a second factor and a token, and fails at each.
func (p *planted) ownerActs(here place, s *serving) {
	code, said := here.run(p.t, "", "admin", "invite")
	link := regexp.MustCompile(`/invitations/\S+`).FindString(said)
	if code != 0 || link == "" {
		p.t.Fatalf("invite: exit %d %s", code, said)
	}
	p.plant("invitation", strings.TrimPrefix(link, "/invitations/"))
	owner, password := p.browser(s.url), p.plant("password", "seven purple harbours "+rand.Text())
	wrong := p.plant("password that was typed wrong", "seven purple harbors "+rand.Text())
	if r := owner.asks("POST", link, map[string]any{"username": "odile", "password": password}); r.Text("username") != "odile" {
		p.t.Fatalf("accept: %d %s", r.Status, r.Raw)
	}
	owner.asks("POST", link, map[string]any{"username": "another", "password": wrong})
	p.browser(s.url).asks("POST", "/sign-in", map[string]any{"name": "odile", "password": wrong})
	// The form comes back with what was typed as the name; nobody else sees it.
	p.browser(s.url).Act("POST", "/sign-in", map[string]any{"name": wrong, "password": "odile"})
	p.plant("session", owner.cookie("session"))

	secret := p.plant("secret of the second factor", owner.asks("GET", "/account/second-factor", nil).Text("secret"))
	owner.asks("POST", "/account/second-factor", map[string]any{"code": "000000"})
	now, err := totp.GenerateCode(secret, time.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	recovery := owner.asks("POST", "/account/second-factor", map[string]any{"code": now})
	codes, _ := recovery.Body["recoveryCodes"].([]any)
	if len(codes) == 0 {
		p.t.Fatalf("the second factor: %d %s", recovery.Status, recovery.Raw)
	}
	p.plant("recovery code", fmt.Sprint(codes[0]))
	p.plant("session with a role", owner.cookie("session"))

	made := owner.asks("POST", "/api/admin/tokens", map[string]any{"name": "till", "scopes": "read", "expiresDays": 1})
	token := p.plant("token", made.Text("secret"))
	program := p.browser(s.url)
	if r := program.asks("GET", "/api/admin/sales", nil, "Authorization: Bearer "+token); r.Status != http.StatusOK {
		p.t.Errorf("the token: %d %s", r.Status, r.Raw)
	}
	program.asks("POST", "/api/admin/pause", nil, "Authorization: Bearer "+token)
	program.asks("GET", "/api/admin/sales", nil, "Authorization: Bearer "+p.plant("token that is none", "fst_"+rand.Text()))
}

// shopperActs signs somebody up by a code of a mail, after a wrong one, and buys.
func (p *planted) shopperActs(s *serving) {
	shopper := p.browser(s.url)
	shopper.asks("POST", "/sign-in/code", map[string]any{"name": "sam@example.com"})
	p.plant("flow", shopper.cookie("code"))
	var mail instancetest.Reply
	instancetest.Eventually(p.t, "a mail", func() bool { mail = shopper.asks("GET", "/dev/mail/1", nil); return mail.Status == http.StatusOK })
	code := p.plant("code", regexp.MustCompile(`(?m)^    (\d{6})\r?$`).FindStringSubmatch(mail.Raw)[1])
	link := regexp.MustCompile(`/sign-in/link/([\w-]+)`).FindStringSubmatch(mail.Raw)[1]
	shopper.asks("POST", "/sign-in/code/verify", map[string]any{"code": "12345x"})
	if r := shopper.asks("POST", "/sign-in/code/verify", map[string]any{"code": code}); r.Body["signUp"] != true {
		p.t.Fatalf("the code: %d %s", r.Status, r.Raw)
	}
	shopper.asks("POST", "/sign-in/code/verify", map[string]any{"code": code})
	shopper.asks("POST", "/sign-in/link/"+p.plant("link", link), nil)
	if r := shopper.asks("POST", "/sign-up", map[string]any{"username": "sam"}); r.Status != http.StatusCreated {
		p.t.Fatalf("sign up: %d %s", r.Status, r.Raw)
	}
	p.plant("session of a shopper", shopper.cookie("session"))
	shopper.asks("POST", "/api/flash-sale/purchase", map[string]any{})
	shopper.asks("POST", "/api/flash-sale/purchase", map[string]any{"username": "odile"})
	shopper.asks("POST", "/sign-out", nil)
}

// tablesOf is every row of a schema.
func tablesOf(t *testing.T, address, schema string) string {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, `SELECT tablename FROM pg_tables WHERE schemaname = $1`, schema)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) < 10 {
		t.Fatal(names, err)
	}
	var all strings.Builder
	for _, name := range names {
		var text string
		if err := conn.QueryRow(ctx, fmt.Sprintf(`SELECT coalesce(string_agg(r::text, E'\n'), '') FROM %s r`, pgx.Identifier{schema, name}.Sanitize())).Scan(&text); err != nil {
			t.Fatal(err)
		}
		all.WriteString(name + "\n" + text + "\n")
	}
	return all.String()
}
