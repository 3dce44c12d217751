package login

import (
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

const anOwnKey, anotherKey = "an own key of thirty-two bytes!!", "another key of thirty-two bytes!"

// alone is the Sessions of a process without a database.
func alone(t testing.TB) *Sessions {
	t.Helper()
	s := NewSessions(nil, SessionsConfig{Keys: [][]byte{[]byte(anOwnKey)}})
	s.revoked.take(nil, true, time.Now())
	return s
}

func signed(t testing.TB, s *Sessions, of Session) string {
	t.Helper()
	credential, err := s.sign(&of)
	if err != nil {
		t.Fatal(err)
	}
	return credential
}

// someone is a session of an hour.
func someone(account int64) Session {
	now := time.Now().Truncate(time.Second)
	return Session{ID: uuid.New(), Account: account, Username: "john_doe", Version: 5, Renewed: now, Expires: now.Add(time.Hour)}
}

// remembered reports whether a credential would be found without its signature.
func remembered(s *Sessions, credential string) bool {
	known, _ := s.keys.Load().proved.find(credential)
	return known != nil
}

func refused(t *testing.T, s *Sessions, credential string, want error) {
	t.Helper()
	got, err := s.Check(credential, time.Now())
	if !errors.Is(err, want) || got != (Session{}) {
		t.Errorf("%+v %v, want nothing and %v", got, err, want)
	}
}

func accepted(t *testing.T, s *Sessions, credential string, want Session) {
	t.Helper()
	if got, err := s.Check(credential, time.Now()); err != nil || got != want {
		t.Errorf("%+v %v, want %+v", got, err, want)
	}
}

func TestACredentialThatComesAgainIsTheSameSession(t *testing.T) {
	t.Parallel()
	s, who := alone(t), someone(7)
	who.Role = Operator
	credential := signed(t, s, who)
	if remembered(s, credential) {
		t.Error("it was never checked")
	}
	accepted(t, s, credential, who)
	if !remembered(s, credential) {
		t.Error("it is not remembered")
	}
	accepted(t, s, credential, who)
}

// No byte can be changed, also right after the true credential was accepted, and also by somebody who knows where it is remembered.
func TestNoByteOfARememberedCredentialCanBeChanged(t *testing.T) {
	t.Parallel()
	s, who := alone(t), someone(7)
	credential := signed(t, s, who)
	raw, err := base64.RawURLEncoding.DecodeString(credential)
	if err != nil {
		t.Fatal(err)
	}
	for at := range raw {
		accepted(t, s, credential, who)
		changed := append([]byte{}, raw...)
		changed[at] ^= 1
		refused(t, s, base64.RawURLEncoding.EncodeToString(changed), ErrNoSession)
	}
	for at := range len(credential) {
		accepted(t, s, credential, who)
		other := "A"
		if credential[at] == 'A' {
			other = "B"
		}
		refused(t, s, credential[:at]+other+credential[at+1:], ErrNoSession)
	}
	for _, other := range []string{"", credential[1:], credential[:len(credential)-1], credential + "A", credential + "=", credential + credential, " " + credential} {
		accepted(t, s, credential, who)
		refused(t, s, other, ErrNoSession)
	}
	if remembered(s, credential+"A") {
		t.Error("a wrong credential is remembered")
	}
}

// Equal hashes are no proof: the credential itself is compared.
func TestACredentialWithTheHashOfAnotherIsNotTakenForIt(t *testing.T) {
	t.Parallel()
	s, who := alone(t), someone(7)
	credential := signed(t, s, who)
	accepted(t, s, credential, who)
	proved := &s.keys.Load().proved
	forged := "B" + credential[1:] // it begins with an A
	_, hash := proved.find(forged)
	_, own := proved.find(credential)
	one, _ := proved.find(credential)
	set := &proved.sets[hash%provedSets]
	for i := range set.hashes {
		set.proved[i].Store(one)
		set.hashes[i].Store(hash)
	}
	if hash == own {
		t.Fatal("the two have one hash anyway")
	}
	refused(t, s, forged, ErrNoSession)
}

func TestARememberedSessionEndsAtOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end  func(s *Sessions, of Session)
		want error
	}{
		"its own end": {func(s *Sessions, of Session) {
			s.revoked.take([]change{{Version: 6, SessionID: &of.ID, UserID: &of.Account, ExpiresAt: of.Expires}}, false, time.Now())
		}, ErrRevoked},
		"the end of all of the account": {func(s *Sessions, of Session) {
			s.revoked.take([]change{{Version: 6, UserID: &of.Account, ExpiresAt: of.Expires}}, false, time.Now())
		}, ErrRevoked},
		"a database that is read anew": {func(s *Sessions, of Session) {
			s.revoked.take([]change{{Version: 6, UserID: &of.Account, ExpiresAt: of.Expires}}, true, time.Now())
		}, ErrRevoked},
		"keys without its own": {func(s *Sessions, _ Session) {
			s.keys.Store(newKeyring([][]byte{[]byte(anotherKey)}))
		}, ErrNoSession},
		"an archived account": {func(s *Sessions, of Session) {
			s.cfg.Gone = func(id int64) bool { return id == of.Account }
		}, ErrRevoked},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, who, other := alone(t), someone(7), someone(8)
			credential, others := signed(t, s, who), signed(t, s, other)
			for range 2 {
				accepted(t, s, credential, who)
				accepted(t, s, others, other)
			}
			test.end(s, who)
			for range 2 {
				refused(t, s, credential, test.want)
			}
			if test.want == ErrRevoked { //nolint:errorlint // it is the value of the table
				accepted(t, s, others, other)
			}
		})
	}
}

func TestARememberedSessionExpires(t *testing.T) {
	t.Parallel()
	s, who := alone(t), someone(7)
	credential := signed(t, s, who)
	for range 2 {
		if _, err := s.Check(credential, who.Expires.Add(-time.Nanosecond)); err != nil {
			t.Error(err)
		}
		if _, err := s.Check(credential, who.Expires); !errors.Is(err, ErrExpired) {
			t.Errorf("at its end: %v", err)
		}
	}
}

// A key that is retired still checks; the ring with the new one begins without any credential.
func TestAnotherKeyringRemembersNothing(t *testing.T) {
	t.Parallel()
	s, who := alone(t), someone(7)
	credential := signed(t, s, who)
	accepted(t, s, credential, who)
	s.keys.Store(newKeyring([][]byte{[]byte(anotherKey), []byte(anOwnKey)}))
	if remembered(s, credential) {
		t.Error("it is remembered from other keys")
	}
	accepted(t, s, credential, who)
}

// What ends elsewhere is read several times a second in a sale. That does not make every credential be proved again.
func TestTheSameKeysReadAgainKeepWhatIsProved(t *testing.T) {
	t.Parallel()
	ctx, pool := testContext(t), newPool(t)
	s, list := process(t, pool, SessionsConfig{}), seeded(t, pool)
	credential, who, err := s.Start(ctx, list[0], Origin{})
	if err != nil {
		t.Fatal(err)
	}
	other, others, err := s.Start(ctx, list[1], Origin{})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []string{credential, other} {
		if _, err := s.Check(one, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.End(ctx, others.Account, others.ID); err != nil {
		t.Fatal(err)
	}
	if !remembered(s, credential) {
		t.Error("the end of another session has taken it away")
	}
	refused(t, s, other, ErrRevoked)
	for _, forget := range []bool{false, true} {
		if err := s.store.RotateKeys(ctx, forget); err != nil {
			t.Fatal(err)
		}
		if err := s.Refresh(ctx); err != nil {
			t.Fatal(err)
		}
		if remembered(s, credential) {
			t.Errorf("forget %v: other keys remember it", forget)
		}
		if got, err := s.Check(credential, time.Now()); forget != errors.Is(err, ErrNoSession) || !forget && got.ID != who.ID {
			t.Errorf("forget %v: %+v %v", forget, got, err)
		}
	}
}

func TestTheMemoryOfCredentialsIsBounded(t *testing.T) {
	t.Parallel()
	s := alone(t)
	long := someone(7)
	long.Username = strings.Repeat("x", 101)
	credential := signed(t, s, long)
	accepted(t, s, credential, long)
	if remembered(s, credential) {
		t.Error("one of a long name is remembered")
	}
	long.Username = strings.Repeat("x", 100)
	credential = "Cookie: session=" + signed(t, s, long) + "; " + strings.Repeat("y", 1<<16)
	credential = credential[len("Cookie: session=") : len(credential)-2-1<<16]
	accepted(t, s, credential, long)
	one, hash := s.keys.Load().proved.find(credential)
	if one == nil || len(one.credential) != len(credential) || one.credential != credential {
		t.Fatalf("one of a name of 100 bytes is not remembered: %v", one)
	}

	// More than there are places, all in one set: each is accepted, and four at most are remembered.
	set := &s.keys.Load().proved.sets[hash%provedSets]
	for range 10 * provedWays {
		s.keys.Load().proved.keep(credential, hash, &provedCredential{session: long})
	}
	full := 0
	for i := range set.proved {
		if set.proved[i].Load() != nil {
			full++
		}
	}
	if full != provedWays || len(s.keys.Load().proved.sets) != provedSets {
		t.Errorf("%d credentials in a set, %d sets", full, len(s.keys.Load().proved.sets))
	}
}

// More credentials than there are places come and go while sessions end: nobody gets another's session, and none that has ended counts.
func TestManyCredentialsAtOnce(t *testing.T) {
	t.Parallel()
	s := alone(t)
	const many, rounds = 64, 300
	sessions, credentials := [many]Session{}, [many]string{}
	for i := range many {
		sessions[i] = someone(int64(i + 1))
		credentials[i] = signed(t, s, sessions[i])
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for round := range rounds {
				at := round % many
				if got, err := s.Check(credentials[at], time.Now()); at%2 == 0 && (err != nil || got != sessions[at]) || err == nil && got != sessions[at] {
					t.Errorf("%d: %+v %v", at, got, err)
				}
				if _, err := s.Check("A"+credentials[at], time.Now()); !errors.Is(err, ErrNoSession) {
					t.Errorf("%d with a character more: %v", at, err)
				}
				// Others take places of its set meanwhile.
				_, hash := s.keys.Load().proved.find(credentials[at])
				s.keys.Load().proved.keep(credentials[(at+1)%many], hash, &provedCredential{session: sessions[(at+1)%many]})
			}
		})
	}
	wg.Go(func() {
		for at := 1; at < many; at += 2 {
			s.revoked.take([]change{{Version: 6, SessionID: &sessions[at].ID, ExpiresAt: sessions[at].Expires}}, false, time.Now())
			refused(t, s, credentials[at], ErrRevoked)
		}
	})
	wg.Wait()
	for at := range many {
		if at%2 == 1 {
			refused(t, s, credentials[at], ErrRevoked)
		} else {
			accepted(t, s, credentials[at], sessions[at])
		}
	}
}

// BenchmarkCheck is the check of a credential that comes again, of 8,000 in turn.
func BenchmarkCheck(b *testing.B) {
	s := alone(b)
	credentials := make([]string, 8000)
	for i := range credentials {
		credentials[i] = signed(b, s, someone(int64(i+1)))
	}
	now := time.Now()
	check := func(at int) {
		if _, err := s.Check(credentials[at%len(credentials)], now); err != nil {
			b.Error(err)
		}
	}
	for at := range credentials {
		check(at)
	}
	b.ReportAllocs()
	for at := 0; b.Loop(); at++ {
		check(at)
	}
}

// BenchmarkCheckFirst is the check of one that is new: its signature is made again.
func BenchmarkCheckFirst(b *testing.B) {
	s := alone(b)
	credential, ring, now := signed(b, s, someone(7)), s.keys.Load(), time.Now()
	_, hash := ring.proved.find(credential)
	set := &ring.proved.sets[hash%provedSets]
	b.ReportAllocs()
	for b.Loop() {
		for i := range set.hashes {
			set.hashes[i].Store(0)
		}
		if _, err := s.Check(credential, now); err != nil {
			b.Fatal(err)
		}
	}
}
