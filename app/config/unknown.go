package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// unknownNames is one warning about names that mean nothing here: in the environment those that look like a misspelt
// variable of ours, in .env all. Empty when there are none.
func unknownNames(environment []string, file map[string]string) []string {
	known := append(append(Variables(), foreignNames()...), runtimeNames()...)
	var said []string
	for _, pair := range environment {
		name, _, _ := strings.Cut(pair, "=")
		if near := nearest(name, known); near != "" && !slices.Contains(known, name) {
			said = append(said, fmt.Sprintf("%s (is %s meant?)", name, near))
		}
	}
	said = append(said, unheardTelemetry(environment, known)...)
	said = append(said, unknownInFile(file, known)...)
	slices.Sort(said)
	var warnings []string
	if said = slices.Compact(said); len(said) > 0 {
		warnings = append(warnings, "these names mean nothing here and are ignored: "+strings.Join(said, ", "))
	}
	for _, name := range runtimeNames() {
		if _, set := file[name]; set {
			warnings = append(warnings, name+" in .env is ignored: the Go runtime reads it before that file; set it in the environment")
		}
	}
	return warnings
}

// unheardTelemetry names the variables of OpenTelemetry that mean nothing here, where traces are wanted: other programs may have
// set them for a reason, and somebody may count on them.
func unheardTelemetry(environment, known []string) []string {
	var said []string
	wanted := false
	for _, pair := range environment {
		name, value, _ := strings.Cut(pair, "=")
		wanted = wanted || name == otlpEndpoint && value != ""
		if strings.HasPrefix(name, otelPrefix) && ordinaryVariable.MatchString(name) && !slices.Contains(known, name) && nearest(name, known) == "" {
			said = append(said, name)
		}
	}
	if !wanted {
		return nil
	}
	return said
}

// runtimeNames are variables of the Go runtime that README speaks of.
func runtimeNames() []string { return []string{"GOGC", "GOMEMLIMIT"} }

var ordinaryVariable = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,59}$`)

// unknownInFile: a name that is not written as variables are may be the rest of a broken value, and is only counted.
func unknownInFile(file map[string]string, known []string) []string {
	var said []string
	odd := 0
	for name := range file {
		near := nearest(name, known)
		switch {
		case slices.Contains(known, name):
		case near != "":
			said = append(said, fmt.Sprintf("%s (is %s meant?)", name, near))
		case ordinaryVariable.MatchString(name):
			said = append(said, name+" (in .env)")
		default:
			odd++
		}
	}
	if odd > 0 {
		said = append(said, fmt.Sprintf("%d in .env that are no names of variables", odd))
	}
	return said
}

// nearest is the variable that somebody meant who wrote name, or "" when name does not look like one of ours.
func nearest(name string, known []string) string {
	if !ordinaryVariable.MatchString(strings.ToUpper(name)) {
		return ""
	}
	best, least := "", 3
	for _, one := range known {
		if d := distance(strings.ToUpper(name), one); d < least && d <= tolerated(one) {
			best, least = one, d
		}
	}
	if best != "" {
		return best
	}
	for _, one := range known {
		if beginsAs(strings.ToUpper(name), one) {
			return one
		}
	}
	if strings.HasPrefix(name, "FLASH_SALE_") {
		return "FLASH_SALE_START_TIME or FLASH_SALE_END_TIME"
	}
	return ""
}

// tolerated is how many letters may be wrong: short names are near to many that others use.
func tolerated(known string) int {
	switch n := len(known); {
	case n < 7:
		return 0
	case n < 9:
		return 1
	}
	return 2
}

// beginsAs is true for a name of two words or more that one of ours continues, as DB_PASS.
func beginsAs(name, known string) bool {
	return len(name) >= 6 && strings.Contains(name, "_") && strings.HasPrefix(known, name)
}

// distance is how many letters have to be changed, added, left out or swapped with their neighbour to make b of a (optimal
// string alignment).
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
