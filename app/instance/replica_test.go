package instance

import (
	"reflect"
	"testing"
	"unsafe"
)

// withReplica gives the deployment a replica that never answers: it is the primary itself.
func (d *deployment) withReplica() { d.Config.ReplicaURL = d.Servers.DatabaseURL }

// Of all that is wired, only the lists of the desk are made over the connections to the replica: no purchase, session, act or export can
// reach them.
func TestOnlyListsReachTheReplica(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.withReplica()
	a := d.start(t)
	d.stop(t, a) // nothing changes while the values are inspected
	pool := unsafe.Pointer(a.servers.replica)
	w := reflect.ValueOf(a.wiring).Elem()
	found := map[string]bool{}
	for i := range w.NumField() {
		seen := map[unsafe.Pointer]bool{unsafe.Pointer(a.servers): true}
		name := w.Type().Field(i).Name
		if name != "desk" {
			seen[unsafe.Pointer(a.wiring.desk)] = true // the web server shows it
		}
		if name != "servers" {
			found[name] = reaches(w.Field(i), pool, seen)
		}
	}
	for name, reached := range found {
		if reached != (name == "desk") {
			t.Errorf("%s reaches the replica: %v", name, reached)
		}
	}
	if pool == nil || len(found) < 20 {
		t.Errorf("the search is wrong: %v", found)
	}
}

// reaches is true when a pointer is among all values of the module that can be reached from a value, functions aside.
func reaches(v reflect.Value, to unsafe.Pointer, seen map[unsafe.Pointer]bool) bool {
	switch v.Kind() {
	case reflect.Pointer:
		at := v.UnsafePointer()
		if at == to || at == nil || seen[at] || !ours(v.Type().Elem()) {
			return at != nil && at == to
		}
		seen[at] = true
		return reaches(v.Elem(), to, seen)
	case reflect.Interface:
		return reaches(v.Elem(), to, seen)
	case reflect.Struct:
		for i := range v.NumField() {
			if reaches(v.Field(i), to, seen) {
				return true
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if reaches(v.Index(i), to, seen) {
				return true
			}
		}
	case reflect.Map:
		for each := v.MapRange(); each.Next(); {
			if reaches(each.Value(), to, seen) {
				return true
			}
		}
	default:
	}
	return false
}
