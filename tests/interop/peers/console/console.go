// Package console steers a peer by lines on standard input and lets it answer in JSON lines.
package console

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

const clockMonotonic = 1 // CLOCK_MONOTONIC of Linux

var (
	mutex   sync.Mutex
	started = time.Now()
)

// Emit prints one event with its time since the start in milliseconds, and the same moment as second
// on CLOCK_MONOTONIC, which other processes can compare with theirs.
func Emit(event string, fields map[string]any) {
	line := map[string]any{"event": event, "mono_s": monotonic(),
		"t_ms": float64(time.Since(started).Microseconds()) / 1000}
	for key, value := range fields {
		line[key] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		text = []byte(fmt.Sprintf(`{"event":"error","why":%q}`, err))
	}
	mutex.Lock()
	defer mutex.Unlock()
	fmt.Println(string(text))
}

func monotonic() float64 {
	var now syscall.Timespec
	_, _, failed := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&now)), 0)
	if failed != 0 {
		return 0
	}
	return float64(now.Sec) + float64(now.Nsec)/1e9
}

// Guard is what an energy guard can be told.
type Guard interface {
	Limit(watts float64, duration time.Duration, active bool)
	Failsafe(watts float64)
	FailsafeDuration(duration time.Duration)
	Heartbeat(on bool)
	State()
	Stop()
}

// Run reads commands until the end of standard input or "quit":
//
//	limit W [SECONDS] | release | failsafe W | duration SECONDS | heartbeat on|off | state | quit
func Run(guard Guard) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) == 0 {
			continue
		}
		switch words[0] {
		case "limit":
			guard.Limit(number(words, 1), seconds(words, 2), true)
		case "release":
			guard.Limit(number(words, 1), 0, false)
		case "failsafe":
			guard.Failsafe(number(words, 1))
		case "duration":
			guard.FailsafeDuration(seconds(words, 1))
		case "heartbeat":
			guard.Heartbeat(len(words) > 1 && words[1] == "on")
		case "state":
			guard.State()
		case "quit":
			guard.Stop()
			return
		default:
			Emit("error", map[string]any{"why": "unknown command " + words[0]})
		}
	}
	guard.Stop()
}

func number(words []string, index int) float64 {
	if index >= len(words) {
		return 0
	}
	value, err := strconv.ParseFloat(words[index], 64)
	if err != nil {
		Emit("error", map[string]any{"why": err.Error()})
	}
	return value
}

func seconds(words []string, index int) time.Duration {
	return time.Duration(number(words, index) * float64(time.Second))
}

// Identity loads certificate and key from a folder, or makes them with create and stores them.
func Identity(folder string, create func() (tls.Certificate, error)) (tls.Certificate, string, error) {
	certFile, keyFile := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		if certificate, err = create(); err != nil {
			return certificate, "", err
		}
		if err = store(certificate, certFile, keyFile); err != nil {
			return certificate, "", err
		}
	}
	ski, err := skiOf(certificate)
	return certificate, ski, err
}

func store(certificate tls.Certificate, certFile, keyFile string) error {
	if err := os.MkdirAll(filepath.Dir(certFile), 0o700); err != nil {
		return err
	}
	block := &pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}
	if err := os.WriteFile(certFile, pem.EncodeToMemory(block), 0o600); err != nil {
		return err
	}
	key, err := x509.MarshalECPrivateKey(certificate.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		return err
	}
	block = &pem.Block{Type: "EC PRIVATE KEY", Bytes: key}
	return os.WriteFile(keyFile, pem.EncodeToMemory(block), 0o600)
}

func skiOf(certificate tls.Certificate) (string, error) {
	parsed, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		return "", err
	}
	if len(parsed.SubjectKeyId) > 0 {
		return hex.EncodeToString(parsed.SubjectKeyId), nil
	}
	point, err := parsed.PublicKey.(*ecdsa.PublicKey).ECDH()
	if err != nil {
		return "", err
	}
	sum := sha1.Sum(point.Bytes())
	return hex.EncodeToString(sum[:]), nil
}
