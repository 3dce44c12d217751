package app

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"flashsale/app/config"
)

// README and .env.example name every variable that the program reads, and .env.example no other one.
func TestEveryVariableIsDocumented(t *testing.T) {
	t.Parallel()
	readme, example := document(t, "../README.md"), document(t, "../.env.example")
	var listed []string
	for _, m := range regexp.MustCompile(`(?m)^#?([A-Z][A-Z_]+)=`).FindAllStringSubmatch(example, -1) {
		listed = append(listed, m[1])
	}
	original := regexp.MustCompile(`^(REACT_APP_|CYPRESS_|NODE_ENV)`) // known for one warning
	for _, name := range config.Variables() {
		if original.MatchString(name) {
			continue
		}
		if secret := strings.TrimSuffix(name, "_FILE"); secret != name && slices.Contains(config.Variables(), secret) {
			continue // one sentence stands for all twins
		}
		if !slices.Contains(listed, name) {
			t.Errorf(".env.example has no %s", name)
		}
		if !regexp.MustCompile(`\b` + name + `\b`).MatchString(readme) {
			t.Errorf("README.md has no %s", name)
		}
	}
	for _, name := range listed {
		if !slices.Contains(config.Variables(), name) && name != "GOGC" && name != "GOMEMLIMIT" {
			t.Errorf(".env.example has %s, which nothing reads", name)
		}
	}
}

// Every path of this repository that README and its pages name is there.
func TestPathsInREADMEExist(t *testing.T) {
	t.Parallel()
	path := regexp.MustCompile("`((?:app|events|inventory|sale|users|views|static|migrations)/[a-z_/]*(?:\\.[a-z]+)?)`")
	found := path.FindAllStringSubmatch(document(t, "../README.md")+document(t, "where_to_begin.md")+document(t, "troubleshooting.md")+document(t, "parts.md"), -1)
	if len(found) < 30 {
		t.Fatalf("only %d paths", len(found))
	}
	for _, m := range found {
		if _, err := os.Stat("../" + m[1]); err != nil {
			t.Error(err)
		}
	}
}

// Every command has a row in README.
func TestEveryCommandIsDocumented(t *testing.T) {
	t.Parallel()
	readme := document(t, "../README.md")
	for _, c := range rootCommand(terminal{}, terminal{}).Commands() {
		if !c.Hidden && c.IsAvailableCommand() && !strings.Contains(readme, "`flashsale "+c.Name()) {
			t.Errorf("README.md has no `flashsale %s`", c.Name())
		}
	}
}

func document(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
