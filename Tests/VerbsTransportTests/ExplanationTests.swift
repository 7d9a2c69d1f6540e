// Every failure that a machine's set-up causes says what is missing and what to do about it.
// Method: the errno of each is given by hand, and the words that the user needs are looked for.
import RDMATransport
import Testing

@testable import VerbsTransport

@Suite struct ExplanationTests {
  static let address: UInt32 = 10 << 24 | 77 << 16 | 1

  @Test(arguments: [
    (Int32(13), 1, "rdma_cm, uverbsN"),
    (Int32(1), 1, "MODE=\"0666\""),
    (Int32(19), 0, "modprobe rdma_rxe"),
    (Int32(2), 2, "modprobe rdma_ucm"),
    (Int32(24), 1, "ulimit -n"),
  ])
  func opening(errno: Int32, deviceCount: Int, words: String) {
    let failure = CallFailure(call: "rdma_create_event_channel", errno: errno)
    let error = Explanation.open(failure, deviceCount: deviceCount, forbiddenFile: nil)
    #expect(error.explanation.contains(words))
    #expect(error.errno == errno)
    #expect(error.call == "rdma_create_event_channel")
  }

  @Test func aForbiddenFileIsNamedWhateverTheLibrarySays() {
    let failure = CallFailure(call: "rdma_create_event_channel", errno: 2)
    let error = Explanation.open(
      failure, deviceCount: 1, forbiddenFile: "/dev/infiniband/rdma_cm")
    #expect(error.explanation.contains("/dev/infiniband/rdma_cm"))
    #expect(error.errno == 13)
  }

  @Test func binding() {
    let offered = [(Self.address, "rxe0")]
    let noGID = Explanation.bind(
      CallFailure(call: "rdma_bind_addr", errno: 19), address: Self.address + 1,
      gidAddresses: offered)
    #expect(noGID.explanation.contains("no RDMA device has an IPv4 GID for 10.77.0.2"))
    #expect(noGID.explanation.contains("10.77.0.1 (rxe0)"))
    let elsewhere = Explanation.bind(
      CallFailure(call: "rdma_bind_addr", errno: 99), address: Self.address, gidAddresses: [])
    #expect(elsewhere.explanation.contains("not an address of this machine"))
    #expect(elsewhere.explanation.contains("no device has one"))
  }

  @Test func twoDevices() {
    let error = Explanation.otherDevice(
      Self.address + 1, device: "rxe1", beside: Self.address, device: "rxe0")
    #expect(error.explanation.contains("10.77.0.2 is on the device rxe1, 10.77.0.1 on rxe0"))
  }

  @Test func registering() {
    let failure = CallFailure(call: "ibv_reg_mr", errno: 12)
    let limited = Explanation.register(failure, byteCount: 1 << 20, lockedLimit: 65_536)
    #expect(limited.explanation.contains("1048576 bytes"))
    #expect(limited.explanation.contains("(RLIMIT_MEMLOCK) is 65536 bytes"))
    #expect(limited.explanation.contains("ulimit -l unlimited"))
    let unlimited = Explanation.register(failure, byteCount: 1 << 20, lockedLimit: nil)
    #expect(!unlimited.explanation.contains("RLIMIT_MEMLOCK"))
  }

  @Test func listening() {
    let address = SocketAddress(ipv4: Self.address, port: 987)
    let kernel = Explanation.listen(errno: 98, address: address, kernelDriverLoaded: true)
    #expect(kernel.explanation.contains("ko2iblnd"))
    let other = Explanation.listen(errno: 98, address: address, kernelDriverLoaded: false)
    #expect(other.explanation.contains("rdma resource show cm_id"))
    #expect(!other.explanation.contains("ko2iblnd"))
    let forbidden = Explanation.listen(errno: 13, address: address, kernelDriverLoaded: false)
    #expect(forbidden.explanation.contains("CAP_NET_BIND_SERVICE"))
  }
}
