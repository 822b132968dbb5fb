// Sign-in with Microsoft Entra ID (App Service Authentication), deployed where WEB is entra.
// The app itself refuses who has not signed in: were it the platform, Event Grid could not reach its webhook either.
param functionAppName string

@description('Client id of the application registration; infra/hooks/preprovision makes one where none is given.')
@minLength(36)
@maxLength(36)
param clientId string

resource app 'Microsoft.Web/sites@2024-04-01' existing = {
  name: functionAppName
}

resource signIn 'Microsoft.Web/sites/config@2024-04-01' = {
  // checkov:skip=CKV_AZURE_63:HTTP logging belongs to the site configuration; every run is logged in Application Insights
  // checkov:skip=CKV_AZURE_65:detailed error pages belong to the site configuration, and errors are answered as problems in JSON
  // checkov:skip=CKV_AZURE_66:request tracing belongs to the site configuration; every run is traced in Application Insights
  // checkov:skip=CKV_AZURE_80:there is no .NET Framework here, the app is written in Python and runs on Linux
  // checkov:skip=CKV_AZURE_88:nothing is kept in Azure Files, and this plan cannot mount its content from there
  // checkov:skip=CKV_AZURE_222:public access belongs to the site configuration and is explained there
  // checkov:skip=CKV_AZURE_13:this resource is the authentication itself, in the second version of its settings
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true, runtimeVersion: '~1' }
    globalValidation: {
      requireAuthentication: false
      unauthenticatedClientAction: 'AllowAnonymous'
    }
    httpSettings: {
      requireHttps: true
      routes: { apiPrefix: '/.auth' }
      forwardProxy: { convention: 'NoProxy' }
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          // No secret: people sign in with an ID token, which the registration allows, and nothing else is asked for.
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
          clientId: clientId
        }
        validation: {
          allowedAudiences: [clientId, 'api://${clientId}']
          defaultAuthorizationPolicy: { allowedApplications: [clientId] }
        }
      }
    }
    login: {
      // Off, so that no script on the page can read a token at /.auth/me.
      tokenStore: { enabled: false }
      preserveUrlFragmentsForLogins: false
      cookieExpiration: { convention: 'FixedTime', timeToExpiration: '08:00:00' }
      nonce: { validateNonce: true, nonceExpirationInterval: '00:05:00' }
    }
  }
}
