#!/usr/bin/env pwsh
# Tells the registration that infra/hooks/preprovision made where people come back to after they have signed in.
# azd runs it after it has provisioned, with the values of its environment as variables; by hand: azd hooks run postprovision
# Running it again changes nothing.
# The same steps as postprovision.sh, word for word where the languages allow it.
$ErrorActionPreference = 'Stop'

function Stop-WithMessage([string]$message) {
    [Console]::Error.WriteLine("postprovision: $message")
    exit 1
}

$mode = "$env:WEB".ToLowerInvariant()
if ($mode -ne 'entra') { exit 0 }
if ($env:WEB_REGISTRATION -ne 'own') { exit 0 }
if (-not $env:AZURE_FUNCTION_APP_URL) {
    Stop-WithMessage "AZURE_FUNCTION_APP_URL is not set, so it is unknown where people come back to. Run 'azd provision'."
}
az ad app update --id "$env:WEB_CLIENT_ID" --web-redirect-uris "$env:AZURE_FUNCTION_APP_URL/.auth/login/aad/callback"
if ($LASTEXITCODE -ne 0) {
    Stop-WithMessage "the redirect address of the registration $env:WEB_CLIENT_ID could not be set. Run 'az login', then 'azd hooks run postprovision'."
}
Write-Output "postprovision: people come back to $env:AZURE_FUNCTION_APP_URL after they have signed in."
