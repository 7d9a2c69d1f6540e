internal import Glibc
internal import RDMATransport

/// What went wrong and what the user can do, for the failures that a machine's set-up causes.
///
/// Pure text, so that tests can check every case on a machine without a device.
enum Explanation {
  /// The four parts of an IPv4 address in host order.
  static func text(_ ipv4: UInt32) -> String {
    "\(ipv4 >> 24).\(ipv4 >> 16 & 255).\(ipv4 >> 8 & 255).\(ipv4 & 255)"
  }

  static func name(_ errno: Int32) -> String {
    switch errno {
    case EACCES: "EACCES"
    case EPERM: "EPERM"
    case ENODEV: "ENODEV"
    case ENOENT: "ENOENT"
    case ENOSYS: "ENOSYS"
    case ENOMEM: "ENOMEM"
    case EINVAL: "EINVAL"
    case EAGAIN: "EAGAIN"
    case EADDRINUSE: "EADDRINUSE"
    case EADDRNOTAVAIL: "EADDRNOTAVAIL"
    case EMFILE: "EMFILE"
    case ETIMEDOUT: "ETIMEDOUT"
    default: "errno \(errno)"
    }
  }

  private static let permission =
    "the files of /dev/infiniband (rdma_cm, uverbsN) must be readable and writable for this user. Run "
    + "as a member of the group that owns them (often rdma), or let a udev rule set MODE=\"0666\""

  static let noDevice =
    "this machine has no RDMA device: /sys/class/infiniband is empty or absent. Load the driver of the "
    + "adapter, or make a soft-RoCE device: modprobe rdma_rxe; rdma link add rxe0 type rxe netdev DEVICE"

  /// The event channel or a device file could not be opened.
  ///
  /// - Parameter forbiddenFile: a device file that is there and that this user may not open. The libraries
  ///   look for it elsewhere then, and report that it does not exist.
  static func open(_ failure: CallFailure, deviceCount: Int, forbiddenFile: String?)
    -> TransportError
  {
    if let forbiddenFile {
      return TransportError(
        call: failure.call, errno: EACCES,
        explanation: "no permission on \(forbiddenFile): " + permission)
    }
    let text =
      switch failure.errno {
      case EACCES, EPERM:
        "no permission on /dev/infiniband: " + permission
      case ENODEV, ENOENT, ENOSYS:
        deviceCount == 0
          ? noDevice
          : "/dev/infiniband/rdma_cm is missing although \(deviceCount) RDMA devices are there: modprobe "
            + "rdma_ucm"
      case EMFILE, ENFILE:
        "no file descriptor is left: raise the limit (ulimit -n), each transport takes about 8"
      default: "the RDMA stack could not be opened (\(name(failure.errno)))"
      }
    return TransportError(call: failure.call, errno: failure.errno, explanation: text)
  }

  /// The local address could not be bound to a device.
  ///
  /// - Parameter gidAddresses: the IPv4 addresses in the GID tables, each with its device.
  static func bind(_ failure: CallFailure, address: UInt32, gidAddresses: [(UInt32, String)])
    -> TransportError
  {
    let offered = gidAddresses.map { "\(Self.text($0.0)) (\($0.1))" }.joined(separator: ", ")
    let others = offered.isEmpty ? "no device has one" : "there are: \(offered)"
    let text =
      switch failure.errno {
      case ENODEV:
        "no RDMA device has an IPv4 GID for \(Self.text(address)); \(others). The address must be on the "
          + "network interface of the device, and the interface up"
      case EADDRNOTAVAIL:
        "\(Self.text(address)) is not an address of this machine; GIDs with IPv4 addresses: \(others)"
      default: "\(Self.text(address)) could not be bound to a device (\(name(failure.errno)))"
      }
    return TransportError(call: failure.call, errno: failure.errno, explanation: text)
  }

  /// Two addresses that one transport should serve lead to two devices.
  static func otherDevice(
    _ address: UInt32, device: String, beside other: UInt32, device otherDevice: String
  ) -> TransportError {
    TransportError(
      call: "rdma_bind_addr", errno: EXDEV,
      explanation: "\(text(address)) is on the device \(device), \(text(other)) on \(otherDevice): "
        + "all NIDs of one node must be on one device. Run a node for each device")
  }

  /// Memory could not be registered.
  ///
  /// - Parameter lockedLimit: RLIMIT_MEMLOCK in bytes; nil when it is unlimited.
  static func register(_ failure: CallFailure, byteCount: Int, lockedLimit: UInt64?)
    -> TransportError
  {
    let wanted = "\(byteCount) bytes could not be registered"
    let text =
      switch (failure.errno, lockedLimit) {
      case (ENOMEM, .some(let limit)), (EAGAIN, .some(let limit)), (EPERM, .some(let limit)):
        "\(wanted): the limit of locked memory (RLIMIT_MEMLOCK) is \(limit) bytes for all that this user "
          + "has registered. Raise it: ulimit -l unlimited, LimitMEMLOCK=infinity in a systemd unit, or "
          + "/etc/security/limits.conf"
      default: "\(wanted) (\(name(failure.errno)))"
      }
    return TransportError(call: failure.call, errno: failure.errno, explanation: text)
  }

  /// A listener could not be made.
  ///
  /// - Parameter kernelDriverLoaded: whether the kernel's own o2iblnd is loaded.
  static func listen(errno: Int32, address: SocketAddress, kernelDriverLoaded: Bool)
    -> TransportError
  {
    let text =
      switch errno {
      case EADDRINUSE where kernelDriverLoaded:
        "port \(address.port) is taken (EADDRINUSE), and the kernel's own o2iblnd (module ko2iblnd) is loaded: it holds "
          + "the port for its NIDs. Use another address of the device, or unload it (lustre_rmmod)"
      case EADDRINUSE:
        "port \(address.port) of \(Self.text(address.ipv4)) is taken by another process (EADDRINUSE): `rdma resource "
          + "show cm_id` names a thread of it. Stop it, or use another address"
      case EACCES, EPERM:
        "port \(address.port) may not be bound (\(name(errno))): below 1024 it needs the capability CAP_NET_BIND_SERVICE: run as root, or "
          + "setcap cap_net_bind_service+ep on the program, or AmbientCapabilities= in a systemd unit"
      case EADDRNOTAVAIL:
        "\(Self.text(address.ipv4)) is not an address of this machine"
      case ENODEV:
        "\(Self.text(address.ipv4)) is not an address of an RDMA device"
      default: "listening on \(address) is not possible (\(name(errno)))"
      }
    return TransportError(call: "rdma_listen", errno: errno, explanation: text)
  }
}
