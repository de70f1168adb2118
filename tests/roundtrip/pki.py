"""Certificates for a story."""
import subprocess


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
