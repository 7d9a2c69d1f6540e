#if Verbs
internal import CLinuxShims
internal import CRDMA
internal import CRDMAShims
internal import Glibc
internal import RDMATransport
internal import Synchronization

/// A device that this process has opened: once, for all transports on it, and for the life of the process.
// The pointers never change and verbs allows any thread to use them; `arrivals` has its lock; the rest
// belongs to the device's thread.
@safe
final class OpenDevice: @unchecked Sendable {
  let context: UnsafeMutablePointer<ibv_context>
  let domain: UnsafeMutablePointer<ibv_pd>
  let channel: EventChannel
  /// Keeps librdmacm's hold on the context.
  let anchor: ConnectionID
  let description: VerbsDevice
  /// Wakes the device's thread.
  let bell: Int32
  let threadSleeps = Atomic<Bool>(false)
  /// Set when the device is gone: the next transport opens it anew.
  let isRemoved = Atomic<Bool>(false)
  /// Links that the thread has not seen yet.
  let arrivals = Mutex<[LoopLink]>([])
  let queues = CompletionQueuePool()

  /// What is open, by the device's name.
  private static let registry = Mutex<[String: OpenDevice]>([:])

  private init(channel: EventChannel, anchor: ConnectionID) throws(CallFailure) {
    guard let context = unsafe anchor.context else {
      throw CallFailure(call: "rdma_bind_addr", errno: ENODEV)
    }
    // SAFETY: the anchor keeps the context; it is never destroyed.
    unsafe self.context = context
    let name = unsafe String(cString: ibv_get_device_name(context.pointee.device))
    var description = VerbsDevice(name: name)
    description.firmware = SystemFiles.firstLine("/sys/class/infiniband/\(name)/fw_ver") ?? ""
    try unsafe description.fill(context)
    self.description = description
    // SAFETY: made once and kept for the life of the process.
    unsafe domain = try CallFailure.checkPointer("ibv_alloc_pd", ibv_alloc_pd(context))
    try unsafe CallFailure.checkMinusOne("fcntl", crdma_set_nonblocking(context.pointee.async_fd))
    self.channel = channel
    self.anchor = anchor
    bell = try CallFailure.checkNegative("eventfd", clinux_eventfd())
  }

  // SAFETY: the context lives as long as this object.
  var asyncDescriptor: Int32 { unsafe context.pointee.async_fd }

  /// Gives a link to the device's thread.
  func attach(_ link: LoopLink) {
    arrivals.withLock { $0.append(link) }
    clinux_eventfd_ring(bell)
  }

  /// Wakes the thread when it sleeps.
  func wakeThread() {
    if threadSleeps.exchange(false, ordering: .sequentiallyConsistent) {
      clinux_eventfd_ring(bell)
    }
  }

  // MARK: - Opening

  /// The device of a local address, opened if it is not yet.
  static func open(address: UInt32) throws(TransportError) -> OpenDevice {
    let channel: EventChannel
    do throws(CallFailure) {
      channel = try EventChannel.create()
    } catch {
      throw Explanation.open(
        error, deviceCount: VerbsDevice.all().count,
        forbiddenFile: SystemFiles.forbiddenDeviceFile)
    }
    let result = registry.withLock { (open) -> Result<OpenDevice, TransportError> in
      do throws(TransportError) {
        return .success(try find(address: address, channel: channel, in: &open))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// Binds an id to the address, which tells the device; keeps channel and id only for a new device.
  private static func find(
    address: UInt32, channel: EventChannel, in open: inout [String: OpenDevice]
  ) throws(TransportError) -> OpenDevice {
    let anchor: ConnectionID
    do throws(CallFailure) {
      anchor = try ConnectionID.create(on: channel, key: 0)
    } catch {
      channel.destroy()
      throw Explanation.open(
        error, deviceCount: VerbsDevice.all().count,
        forbiddenFile: SystemFiles.forbiddenDeviceFile)
    }
    do throws(CallFailure) {
      try anchor.bind(to: SocketAddress(ipv4: address, port: 0))
      guard let context = unsafe anchor.context else {
        throw CallFailure(call: "rdma_bind_addr", errno: ENODEV)
      }
      // SAFETY: the bound id holds the context.
      let name = unsafe String(cString: ibv_get_device_name(context.pointee.device))
      if let known = open[name], !known.isRemoved.load(ordering: .acquiring) {
        anchor.destroy()
        channel.destroy()
        return known
      }
      let device = try OpenDevice(channel: channel, anchor: anchor)
      try ConnectionThread.start(for: device)
      open[name] = device
      return device
    } catch {
      anchor.destroy()
      channel.destroy()
      throw explain(error, address: address)
    }
  }

  private static func explain(_ failure: CallFailure, address: UInt32) -> TransportError {
    let devices = VerbsDevice.all()
    switch failure.errno {
    case ENODEV where SystemFiles.forbiddenDeviceFile != nil:
      return Explanation.open(
        failure, deviceCount: devices.count, forbiddenFile: SystemFiles.forbiddenDeviceFile)
    case ENODEV, EADDRNOTAVAIL:
      if devices.isEmpty {
        return TransportError(
          call: failure.call, errno: failure.errno, explanation: Explanation.noDevice)
      }
      return Explanation.bind(
        failure, address: address, gidAddresses: DeviceChoice.addresses(of: devices))
    default:
      if failure.call == "rdma_bind_addr" {
        return Explanation.bind(
          failure, address: address, gidAddresses: DeviceChoice.addresses(of: devices))
      }
      return Explanation.open(
        failure, deviceCount: devices.count, forbiddenFile: SystemFiles.forbiddenDeviceFile)
    }
  }
}
#endif
