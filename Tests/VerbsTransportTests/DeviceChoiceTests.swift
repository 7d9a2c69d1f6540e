// What the user names (address, device, port, GID index) leads to one local address or to an error that
// lists what there is. Method: made-up devices, every combination that decides something.
import RDMATransport
import Testing

@testable import VerbsTransport

@Suite struct DeviceChoiceTests {
  static func mapped(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) -> [UInt8] {
    Array(repeating: 0, count: 10) + [0xFF, 0xFF, a, b, c, d]
  }

  static func device(_ name: String, linkLayer: String, gids: [[UInt8]]) -> VerbsDevice {
    var device = VerbsDevice(name: name)
    device.ports = [
      VerbsDevice.Port(
        number: 1, state: "ACTIVE", linkLayer: linkLayer, activeMTU: 4096, maxMTU: 4096,
        gids: gids.enumerated().map {
          VerbsDevice.GID(index: $0.offset, type: .roceV2, bytes: $0.element)
        })
    ]
    return device
  }

  static let devices = [
    device(
      "rxe0", linkLayer: "Ethernet",
      gids: [
        [0xFE, 0x80] + Array(repeating: 1, count: 14), mapped(10, 0, 0, 1), mapped(10, 0, 0, 9),
      ]),
    device("rxe1", linkLayer: "Ethernet", gids: [mapped(10, 1, 0, 1)]),
    device(
      "ib0", linkLayer: "InfiniBand", gids: [[0xFE, 0x80] + Array(repeating: 2, count: 14)]),
  ]

  static func choose(_ configuration: VerbsTransport.Configuration) throws(TransportError) -> UInt32
  {
    try DeviceChoice.address(for: configuration, devices: devices)
  }

  @Test func mappedAddressesAreRead() {
    #expect(Self.devices[0].ports[0].gids.map(\.ipv4) == [nil, 0x0A00_0001, 0x0A00_0009])
    #expect(
      DeviceChoice.addresses(of: Self.devices).map(\.0) == [
        0x0A00_0001, 0x0A00_0009, 0x0A01_0001,
      ])
  }

  @Test func anAddressAloneIsTaken() throws {
    #expect(try Self.choose(.init(address: 1)) == 1)
  }

  @Test func aDeviceOrAnIndexAloneLeadsToItsAddress() throws {
    #expect(try Self.choose(.init()) == 0x0A00_0001)
    #expect(try Self.choose(.init(deviceName: "rxe1")) == 0x0A01_0001)
    #expect(try Self.choose(.init(deviceName: "rxe0", port: 1, gidIndex: 2)) == 0x0A00_0009)
  }

  @Test func addressAndDeviceMustAgree() throws {
    let agreed = VerbsTransport.Configuration(address: 0x0A00_0009, deviceName: "rxe0")
    #expect(try Self.choose(agreed) == 0x0A00_0009)
    let error = #expect(throws: TransportError.self) {
      try Self.choose(.init(address: 0x0A00_0009, deviceName: "rxe1"))
    }
    #expect(error?.explanation.contains("no IPv4 GID fits 10.0.0.9, device rxe1") == true)
    #expect(error?.explanation.contains("rxe1 port 1 GID 0 (RoCE v2): 10.1.0.1") == true)
  }

  @Test func anIPoIBAddressNeedsNoGID() throws {
    #expect(try Self.choose(.init(address: 7, deviceName: "ib0")) == 7)
    #expect(throws: TransportError.self) { try Self.choose(.init(deviceName: "ib0")) }
  }

  @Test func anUnknownDeviceIsNamedWithThoseThatAreThere() {
    let error = #expect(throws: TransportError.self) {
      try Self.choose(.init(deviceName: "mlx5_0"))
    }
    #expect(error?.explanation.contains("mlx5_0; there are: rxe0, rxe1, ib0") == true)
    let none = #expect(throws: TransportError.self) {
      try DeviceChoice.address(for: .init(), devices: [])
    }
    #expect(none?.explanation.contains("no RDMA device") == true)
  }
}
