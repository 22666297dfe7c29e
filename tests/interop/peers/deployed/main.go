// An energy guard on enbility/eebus-go v0.7.0, the generation that most installations run.
package main

import (
	"crypto/tls"
	"flag"
	"log"
	"os"
	"time"

	"ems.test/console"
	"github.com/enbility/eebus-go/api"
	"github.com/enbility/eebus-go/service"
	ucapi "github.com/enbility/eebus-go/usecases/api"
	"github.com/enbility/eebus-go/usecases/eg/lpc"
	shipapi "github.com/enbility/ship-go/api"
	"github.com/enbility/ship-go/cert"
	spineapi "github.com/enbility/spine-go/api"
	"github.com/enbility/spine-go/model"
)

type peer struct {
	service *service.Service
	trusted string
	local   spineapi.EntityLocalInterface
	guard   ucapi.EgLPCInterface
	entity  spineapi.EntityRemoteInterface
}

func main() {
	port := flag.Int("port", 4711, "server port")
	folder := flag.String("identity", ".", "folder of certificate and key")
	trust := flag.String("trust", "", "SKI of the other side")
	heartbeat := flag.Duration("heartbeat", 60*time.Second, "promised heartbeat period")
	trace := flag.Bool("trace", false, "log of the stack on standard error")
	flag.Parse()

	certificate, ski, err := console.Identity(*folder, func() (tls.Certificate, error) {
		return cert.CreateCertificate("Test", "Test", "DE", "Peer-deployed")
	})
	check(err)
	configuration, err := api.NewConfiguration("Test", "Test", "Peer", "deployed-123456789",
		model.DeviceTypeTypeElectricitySupplySystem, []model.EntityTypeType{model.EntityTypeTypeGridGuard},
		*port, certificate, *heartbeat)
	check(err)
	p := &peer{trusted: *trust}
	p.service = service.NewService(configuration, p)
	if *trace {
		log.SetOutput(os.Stderr)
		p.service.SetLogging(tracer{})
	}
	check(p.service.Setup())
	p.local = p.service.LocalDevice().EntityForType(model.EntityTypeTypeGridGuard)
	p.guard = lpc.NewLPC(p.local, p.onEvent)
	p.service.AddUseCase(p.guard)
	if *trust != "" {
		p.service.RegisterRemoteSKI(*trust)
	}
	p.service.Start()
	console.Emit("started", map[string]any{"ski": ski, "port": *port, "role": "box"})
	console.Run(p)
}

func (p *peer) onEvent(ski string, _ spineapi.DeviceRemoteInterface, entity spineapi.EntityRemoteInterface, event api.EventType) {
	p.entity = entity
	switch event {
	case lpc.UseCaseSupportUpdate:
		console.Emit("use_case", map[string]any{"ski": ski, "scenarios": p.guard.AvailableScenariosForEntity(entity)})
	case lpc.DataUpdateLimit:
		if limit, err := p.guard.ConsumptionLimit(entity); err == nil {
			console.Emit("limit", map[string]any{"active": limit.IsActive, "value_w": limit.Value, "duration_s": limit.Duration.Seconds()})
		}
	case lpc.DataUpdateFailsafeConsumptionActivePowerLimit:
		if value, err := p.guard.FailsafeConsumptionActivePowerLimit(entity); err == nil {
			console.Emit("failsafe", map[string]any{"value_w": value})
		}
	case lpc.DataUpdateFailsafeDurationMinimum:
		if value, err := p.guard.FailsafeDurationMinimum(entity); err == nil {
			console.Emit("failsafe_duration", map[string]any{"duration_s": value.Seconds()})
		}
	}
}

// Limit writes a limit and tells the answer as the stack got it.
func (p *peer) Limit(watts float64, duration time.Duration, active bool) {
	if p.entity == nil {
		console.Emit("error", map[string]any{"why": "no controllable system yet"})
		return
	}
	sent := time.Now()
	limit := ucapi.LoadLimit{Value: watts, Duration: duration, IsActive: active}
	counter, err := p.guard.WriteConsumptionLimit(p.entity, limit, func(result model.ResultDataType) {
		console.Emit("answer", map[string]any{"error_number": uint(*result.ErrorNumber),
			"took_ms": float64(time.Since(sent).Microseconds()) / 1000, "value_w": watts})
	})
	if err != nil {
		console.Emit("error", map[string]any{"why": err.Error()})
		return
	}
	console.Emit("sent", map[string]any{"msg_counter": uint64(*counter), "value_w": watts})
}

// Failsafe writes the failsafe limit.
func (p *peer) Failsafe(watts float64) {
	_, err := p.guard.WriteFailsafeConsumptionActivePowerLimit(p.entity, watts)
	p.done("failsafe_sent", err)
}

// FailsafeDuration writes the failsafe duration minimum.
func (p *peer) FailsafeDuration(duration time.Duration) {
	_, err := p.guard.WriteFailsafeDurationMinimum(p.entity, duration)
	p.done("duration_sent", err)
}

// Heartbeat starts or stops the own heartbeat.
func (p *peer) Heartbeat(on bool) {
	if on {
		p.done("heartbeat_switched", p.local.HeartbeatManager().StartHeartbeat())
		return
	}
	p.local.HeartbeatManager().StopHeartbeat()
	console.Emit("heartbeat_switched", map[string]any{"on": false})
}

// State tells what the stack holds of the other side.
func (p *peer) State() {
	fields := map[string]any{"connected": p.entity != nil}
	if p.entity != nil {
		if limit, err := p.guard.ConsumptionLimit(p.entity); err == nil {
			fields["active"], fields["value_w"] = limit.IsActive, limit.Value
			fields["duration_s"], fields["changeable"] = limit.Duration.Seconds(), limit.IsChangeable
		}
		if value, err := p.guard.FailsafeConsumptionActivePowerLimit(p.entity); err == nil {
			fields["failsafe_w"] = value
		}
		if value, err := p.guard.FailsafeDurationMinimum(p.entity); err == nil {
			fields["failsafe_duration_s"] = value.Seconds()
		}
	}
	console.Emit("state", fields)
}

// Stop ends the service cleanly.
func (p *peer) Stop() {
	p.service.Shutdown()
	console.Emit("stopped", nil)
}

func (p *peer) done(event string, err error) {
	if err != nil {
		console.Emit("error", map[string]any{"why": err.Error()})
		return
	}
	console.Emit(event, nil)
}

func check(err error) {
	if err != nil {
		console.Emit("error", map[string]any{"why": err.Error()})
		os.Exit(1)
	}
}

// RemoteSKIConnected and the following are the handler of the service.
func (p *peer) RemoteSKIConnected(_ api.ServiceInterface, ski string) {
	console.Emit("connected", map[string]any{"ski": ski})
}

func (p *peer) RemoteSKIDisconnected(_ api.ServiceInterface, ski string) {
	console.Emit("disconnected", map[string]any{"ski": ski})
}

func (p *peer) VisibleRemoteServicesUpdated(_ api.ServiceInterface, entries []shipapi.RemoteService) {
	for _, entry := range entries {
		console.Emit("visible", map[string]any{"service": entry})
	}
}

func (p *peer) ServiceShipIDUpdate(ski string, shipID string) {
	console.Emit("ship_id", map[string]any{"ski": ski, "ship_id": shipID})
}

func (p *peer) ServicePairingDetailUpdate(ski string, detail *shipapi.ConnectionStateDetail) {
	fields := map[string]any{"ski": ski, "state": uint(detail.State())}
	if detail.Error() != nil {
		fields["why"] = detail.Error().Error()
	}
	console.Emit("pairing", fields)
}

func (p *peer) AllowWaitingForTrust(ski string) bool { return ski == p.trusted }

type tracer struct{}

func (tracer) Trace(args ...any)                 { log.Println(args...) }
func (tracer) Tracef(format string, args ...any) { log.Printf(format, args...) }
func (tracer) Debug(args ...any)                 { log.Println(args...) }
func (tracer) Debugf(format string, args ...any) { log.Printf(format, args...) }
func (tracer) Info(args ...any)                  { log.Println(args...) }
func (tracer) Infof(format string, args ...any)  { log.Printf(format, args...) }
func (tracer) Error(args ...any)                 { log.Println(args...) }
func (tracer) Errorf(format string, args ...any) { log.Printf(format, args...) }
