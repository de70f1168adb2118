"""Certificates for a story."""
import pathlib
import subprocess
import tempfile
import time


def make(folder, *names, extensions=()):
    """A throw-away CA, and for each name a folder with a certificate of it, which is a DNS name and the subject's common name.

    extensions: {name: what it has in place of the DNS name}."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    folder.mkdir()
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=a CA")
    for name in names:
        own = folder / name
        own.mkdir()
        openssl("req", *curve, "-keyout", f"{name}/key.pem", "-out", f"{name}/request", "-subj", f"/CN={name}")
        (own / "extensions").write_text(dict(extensions).get(name, f"subjectAltName=DNS:{name},DNS:{name}.example") + "\n")
        openssl("x509", "-req", "-in", f"{name}/request", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days",
                "2", "-extfile", f"{name}/extensions", "-out", f"{name}/cert.pem")
        (own / "ca.pem").write_bytes((folder / "ca.pem").read_bytes())
    return folder


def expire(authority, folder):
    """Signs the key of a directory again, with a certificate that expired yesterday. authority: what `pvferry cert init-ca` made."""
    names = subprocess.run(["openssl", "x509", "-in", folder / "cert.pem", "-noout", "-ext", "subjectAltName"], check=True,
                           capture_output=True, text=True).stdout.splitlines()[1].strip().replace("IP Address", "IP")
    with tempfile.TemporaryDirectory() as where:
        here = pathlib.Path(where)
        (here / "index").touch()
        (here / "config").write_text(f"[ca]\ndefault_ca=own\n[own]\ndatabase={here}/index\nnew_certs_dir={here}\nrand_serial=yes\n"
                                     f"default_md=sha256\npolicy=any\nx509_extensions=names\n[any]\ncommonName=supplied\n"
                                     f"[names]\nsubjectAltName={names}\n[req]\ndistinguished_name=any\n")
        subprocess.run(["openssl", "req", "-new", "-config", here / "config", "-key", folder / "key.pem", "-subj", "/CN=old", "-out",
                        here / "request"], check=True, capture_output=True)
        day = time.strftime("%Y%m%d000000Z", time.gmtime(time.time() - 86400))
        subprocess.run(["openssl", "ca", "-config", here / "config", "-batch", "-notext", "-in", here / "request", "-cert",
                        authority / "ca.pem", "-keyfile", authority / "ca.key", "-startdate", "20260101000000Z", "-enddate", day,
                        "-out", folder / "cert.pem"], check=True, capture_output=True)
