// An energy guard, or a controllable system to measure against, on the current enbility/eebus-go.
package main

import (
	"crypto/tls"
	"flag"
	"log"
	"os"
	"slices"
	"time"

	"ems.test/console"
	"github.com/enbility/eebus-go/api"
	"github.com/enbility/eebus-go/service"
	ucapi "github.com/enbility/eebus-go/usecases/api"
	cslpc "github.com/enbility/eebus-go/usecases/cs/lpc"
	eglpc "github.com/enbility/eebus-go/usecases/eg/lpc"
	shipapi "github.com/enbility/ship-go/api"
	"github.com/enbility/ship-go/cert"
	spineapi "github.com/enbility/spine-go/api"
	"github.com/enbility/spine-go/model"
)

type peer struct {
	service *service.Service
	trusted []string
	guard   ucapi.EgLPCInterface
	system  ucapi.CsLPCInterface
	entity  spineapi.EntityRemoteInterface
}

func main() {
	port := flag.Int("port", 4711, "server port")
	folder := flag.String("identity", ".", "folder of certificate and key")
	trust := flag.String("trust", "", "SKI of the other side")
	role := flag.String("role", "box", "box: energy guard; cs: controllable system")
	heartbeat := flag.Duration("heartbeat", 60*time.Second, "promised heartbeat period")
	trace := flag.Bool("trace", false, "log of the stack on standard error")
	flag.Parse()

	certificate, ski, err := console.Identity(*folder, func() (tls.Certificate, error) {
		return cert.CreateCertificate("Test", "Test", "DE", "Peer-"+*role)
	})
	check(err)
	p := &peer{trusted: []string{*trust}}
	check(p.setUp(*role, *port, certificate, *heartbeat))
	if *trace {
		log.SetOutput(os.Stderr)
		p.service.SetLogging(tracer{})
	} else {
		p.service.SetLogging(dialWatch{})
	}
	if *trust != "" {
		p.service.RegisterRemoteService(shipapi.NewServiceIdentity(*trust, "", ""))
	}
	check(p.service.Start())
	console.Emit("started", map[string]any{"ski": ski, "port": *port, "role": *role})
	console.Run(p)
}

func (p *peer) setUp(role string, port int, certificate tls.Certificate, heartbeat time.Duration) error {
	category, device, entity := shipapi.DeviceCategoryTypeGridConnectionHub,
		model.DeviceTypeTypeElectricitySupplySystem, model.EntityTypeTypeGridGuard
	if role == "cs" {
		category, device, entity = shipapi.DeviceCategoryTypeEnergyManagementSystem,
			model.DeviceTypeTypeEnergyManagementSystem, model.EntityTypeTypeCEM
	}
	configuration, err := api.NewConfiguration("Test", "Test", "Peer", role+"-123456789",
		[]shipapi.DeviceCategoryType{category}, device, []model.EntityTypeType{entity}, port,
		certificate, heartbeat, shipapi.NewPairingConfig(shipapi.PairingModeAnnouncer, nil), nil)
	if err != nil {
		return err
	}
	p.service = service.NewService(configuration, p)
	if err := p.service.Setup(); err != nil {
		return err
	}
	local := p.service.LocalDevice().EntityForType(entity)
	if role == "cs" {
		return p.setUpSystem(local)
	}
	p.guard = eglpc.NewLPC(local, p.onGuardEvent)
	return p.service.AddUseCase(p.guard)
}

func (p *peer) setUpSystem(local spineapi.EntityLocalInterface) error {
	system := cslpc.NewLPC(local, p.onSystemEvent)
	if err := p.service.AddUseCase(system); err != nil {
		return err
	}
	p.system = system
	if err := system.SetConsumptionNominalMax(43470); err != nil {
		return err
	}
	if err := system.SetConsumptionLimit(ucapi.LoadLimit{Value: 4200, IsChangeable: true}); err != nil {
		return err
	}
	if err := system.SetFailsafeConsumptionActivePowerLimit(4200, true); err != nil {
		return err
	}
	return system.SetFailsafeDurationMinimum(2*time.Hour, true)
}

func (p *peer) onGuardEvent(ski string, _ spineapi.DeviceRemoteInterface, entity spineapi.EntityRemoteInterface, event api.EventType) {
	switch event {
	case eglpc.UseCaseSupportUpdate:
		p.entity = entity
		console.Emit("use_case", map[string]any{"ski": ski, "scenarios": p.guard.AvailableScenariosForEntity(entity)})
	case eglpc.DataUpdateLimit:
		p.entity = entity
		if limit, err := p.guard.ConsumptionLimit(entity); err == nil {
			console.Emit("limit", map[string]any{"active": limit.IsActive, "value_w": limit.Value, "duration_s": limit.Duration.Seconds()})
		}
	case eglpc.DataUpdateFailsafeConsumptionActivePowerLimit:
		if value, err := p.guard.FailsafeConsumptionActivePowerLimit(entity); err == nil {
			console.Emit("failsafe", map[string]any{"value_w": value})
		}
	case eglpc.DataUpdateFailsafeDurationMinimum:
		if value, err := p.guard.FailsafeDurationMinimum(entity); err == nil {
			console.Emit("failsafe_duration", map[string]any{"duration_s": value.Seconds()})
		}
	case eglpc.DataUpdatePowerConsumptionNominalMax:
		if value, err := p.guard.ConsumptionNominalMax(entity); err == nil {
			console.Emit("nominal_max", map[string]any{"value_w": value})
		}
	case eglpc.DataUpdateHeartbeat:
		console.Emit("heartbeat", map[string]any{"ski": ski})
	}
}

func (p *peer) onSystemEvent(ski string, _ spineapi.DeviceRemoteInterface, _ spineapi.EntityRemoteInterface, event api.EventType) {
	switch event {
	case cslpc.LimitWriteApprovalRequired:
		for counter := range p.system.PendingConsumptionLimits() {
			p.system.ApproveOrDenyConsumptionLimit(counter, true, "")
		}
	case cslpc.DataUpdateLimit:
		if limit, err := p.system.ConsumptionLimit(); err == nil {
			console.Emit("written", map[string]any{"ski": ski, "active": limit.IsActive,
				"value_w": limit.Value, "duration_s": limit.Duration.Seconds()})
		}
	case cslpc.DataUpdateFailsafeConsumptionActivePowerLimit:
		if value, _, err := p.system.FailsafeConsumptionActivePowerLimit(); err == nil {
			console.Emit("failsafe_written", map[string]any{"value_w": value})
		}
	case cslpc.DataUpdateHeartbeat:
		console.Emit("heartbeat", map[string]any{"ski": ski})
	}
}

// Limit writes a limit and tells the answer as the stack got it.
func (p *peer) Limit(watts float64, duration time.Duration, active bool) {
	if p.guard == nil || p.entity == nil {
		console.Emit("error", map[string]any{"why": "no controllable system yet"})
		return
	}
	limit := ucapi.LoadLimit{Value: watts, Duration: duration, IsActive: active, DeleteDuration: duration == 0}
	sent := time.Now()
	counter, err := p.guard.WriteConsumptionLimit(p.entity, limit, func(result model.ResultDataType, _ model.MsgCounterType) {
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
		p.guard.StartHeartbeat()
	} else {
		p.guard.StopHeartbeat()
	}
	console.Emit("heartbeat_switched", map[string]any{"on": on})
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
		if value, err := p.guard.ConsumptionNominalMax(p.entity); err == nil {
			fields["nominal_max_w"] = value
		}
		fields["heartbeat_ok"] = p.guard.IsHeartbeatWithinDuration(p.entity)
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

// RemoteServiceConnected and the following are the handler of the service.
func (p *peer) RemoteServiceConnected(_ api.ServiceInterface, identity shipapi.ServiceIdentity) {
	console.Emit("connected", map[string]any{"ski": identity.SKI})
}

func (p *peer) RemoteServiceDisconnected(_ api.ServiceInterface, identity shipapi.ServiceIdentity) {
	console.Emit("disconnected", map[string]any{"ski": identity.SKI})
}

func (p *peer) VisibleRemoteMdnsServicesUpdated(_ api.ServiceInterface, entries []shipapi.RemoteMdnsService) {
	for _, entry := range entries {
		console.Emit("visible", map[string]any{"service": entry})
	}
}

func (p *peer) ServiceUpdated(shipapi.ServiceIdentity) {}

func (p *peer) ServicePairingDetailUpdate(identity shipapi.ServiceIdentity, detail *shipapi.ConnectionStateDetail) {
	fields := map[string]any{"ski": identity.SKI, "state": uint(detail.State())}
	if detail.Error() != nil {
		fields["why"] = detail.Error().Error()
	}
	console.Emit("pairing", fields)
}

func (p *peer) AllowWaitingForTrust(identity shipapi.ServiceIdentity) bool {
	return slices.Contains(p.trusted, identity.SKI)
}

func (p *peer) ServiceAutoTrustFailed(api.ServiceInterface, shipapi.ServiceIdentity, error) {}

func (p *peer) ServiceAutoTrustRemoved(api.ServiceInterface, shipapi.ServiceIdentity, string) {}

func (p *peer) ServiceAutoTrusted(api.ServiceInterface, shipapi.ServiceIdentity) {}

type tracer struct{}

func (tracer) Trace(args ...any)                 { log.Println(args...) }
func (tracer) Tracef(format string, args ...any) { log.Printf(format, args...) }
func (tracer) Debug(args ...any)                 { log.Println(args...) }
func (tracer) Debugf(format string, args ...any) { log.Printf(format, args...) }
func (tracer) Info(args ...any)                  { log.Println(args...) }
func (tracer) Infof(format string, args ...any)  { log.Printf(format, args...) }
func (tracer) Error(args ...any)                 { log.Println(args...) }
func (tracer) Errorf(format string, args ...any) { log.Printf(format, args...) }
