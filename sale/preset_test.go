package sale

import "testing"

func TestPresetsAreFoundByTheirExactName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Preset{
		"small": {"small", 5, 15}, "medium": {"medium", 100, 150}, "large": {"large", 1000, 1500}, "extreme": {"extreme", 10000, 10000},
	} {
		if got, ok := PresetNamed(name); !ok || got != want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, ok := PresetNamed("Small"); ok {
		t.Error("found by a name in another case")
	}
}
